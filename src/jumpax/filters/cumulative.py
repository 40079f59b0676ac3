"""Distribution functions of measured numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import UnsupportedError
from jumpax.records import Binomial, Exact, LogNormal, NegativeBinomial, Normal, Poisson
from jumpax.records.measurement import AbstractMeasurement, number

Values = Mapping[str, float]


def cumulative(
    law: AbstractMeasurement, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Values
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Probabilities of a smaller number than y, and of y or a smaller one, given the true count x.

    Raises:
        UnsupportedError: a law without a distribution function.
    """
    if isinstance(law, Exact):
        return (x < y).astype(float), (x <= y).astype(float)
    if isinstance(law, Normal | LogNormal):
        return _continuous(law, y, x, values)
    if type(law) not in _OF_COUNTS:
        raise UnsupportedError(f"{type(law).__name__} has no distribution function here")
    made = _OF_COUNTS[type(law)](law, x, values)
    return made(y - 1), made(y)


def _continuous(law: Normal | LogNormal, y: np.ndarray, x: np.ndarray, values: Values) -> tuple[np.ndarray, np.ndarray]:
    """The same number twice, but for the one number that is not continuous: the log-normal record of no molecule is 0."""
    from scipy.special import ndtr

    sd, mean = number(law.sd, values), number(law.scale, values) * x
    if isinstance(law, Normal):
        found = ndtr((y - mean) / sd)
        return found, found
    with np.errstate(divide="ignore", invalid="ignore"):
        found = ndtr((np.log(y) - np.log(mean)) / sd)
    return np.where(mean > 0, found, y > 0), np.where(mean > 0, found, y >= 0)


def _poisson(law: Any, x: np.ndarray, values: Values) -> Callable[[np.ndarray], np.ndarray]:
    from scipy.stats import poisson

    background = 0.0 if law.background is None else number(law.background, values)
    return poisson(number(law.scale, values) * x + background).cdf


def _negative_binomial(law: Any, x: np.ndarray, values: Values) -> Callable[[np.ndarray], np.ndarray]:
    from scipy.stats import nbinom

    size, mean = number(law.spread, values), number(law.scale, values) * x
    return nbinom(size, size / (size + mean)).cdf


def _binomial(law: Any, x: np.ndarray, values: Values) -> Callable[[np.ndarray], np.ndarray]:
    from scipy.stats import binom

    return binom(x, number(law.probability, values)).cdf


_OF_COUNTS = {Poisson: _poisson, NegativeBinomial: _negative_binomial, Binomial: _binomial}
