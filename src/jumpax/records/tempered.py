"""Measurements that are believed in part."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Array, Float

from jumpax._base.types import ParameterValues
from jumpax.records.measurement import AbstractMeasurement


@final
@dataclass(frozen=True)
class Tempered(AbstractMeasurement):
    """A law with density g^b, up to a constant: the normal law of sd s becomes one of sd s / sqrt(b).

    With b from 0 to 1 a likelihood comes in by and by, and filters are the less noisy the smaller b is. What is exact remains so.

    Args:
        law: with density g.
        power: name of the parameter b, above 0.
    """

    law: AbstractMeasurement
    power: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the law, and b."""
        return (*self.law.parameters, self.power)

    @property
    def exact(self) -> bool:
        """As the law."""
        return self.law.exact

    @property
    def draws(self) -> bool:
        """As the law."""
        return self.law.draws

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """B times that of the law."""
        return self.law.log_density(y, x, values) * values[self.power]

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """Of the law itself."""
        return self.law.sample(generator, x, values)

    def faults(self, y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
        """Those of the law."""
        return self.law.faults(y)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Those of the law."""
        return self.law.wrong(values)
