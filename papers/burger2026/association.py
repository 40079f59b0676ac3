"""A + B <-> C with N molecules of A and of B in a volume V: rates (k_on/V) A B and k C, k_on = 1, no complex at the start."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

import jumpax


class Association(NamedTuple):
    """The system; k is the parameter."""

    molecules: int
    volume: float

    @property
    def network(self) -> jumpax.Network:
        """The two reactions."""
        return jumpax.zoo.association().network

    @property
    def x0(self) -> dict[str, int]:
        """All molecules free."""
        return {"A": self.molecules, "B": self.molecules, "C": 0}

    def theta(self, k: Any) -> dict[str, Any]:
        """Parameters of the network."""
        return {"k_on": 1.0 / self.volume, "k_off": k}

    def at_time(self, k: float, time: float) -> tuple[float, float, float]:
        """Exact mean of C, its derivative in k, and variance."""
        return _exact(self, "time", time)(float(k))

    def at_step(self, k: float, steps: int) -> tuple[float, float, float]:
        """The same after a number of reactions."""
        return _exact(self, "step", steps)(float(k))

    def jump_law(self, k: float) -> Float[np.ndarray, " states"]:
        """Stationary law of C in the jump chain, proportional to that of the process times the total propensity."""
        space = jumpax.exact.StateSpace.reachable(self.network, self.x0)
        law = np.asarray(jumpax.exact.stationary(space, self.theta(k)).marginal("C"))
        n = np.arange(self.molecules + 1)
        weight = law * ((self.molecules - n) ** 2 / self.volume + k * n)
        return weight / weight.sum()


def complexes(counts: Any) -> Float[Array, ""]:
    """Number of complexes."""
    return counts["C"]


@functools.lru_cache(256)
def _exact(system: Association, clock: str, stop: float) -> Callable[[float], tuple[float, float, float]]:
    """Mean of C, its derivative in k, and variance, as a function of k."""
    space = jumpax.exact.StateSpace.reachable(system.network, system.x0)
    law_of = jumpax.exact.distribution if clock == "time" else jumpax.exact.jump_chain

    def mean(k: Any) -> tuple[Any, Any]:
        law = law_of(space, system.theta(k), [stop])
        return law.expectation(complexes)[0], law.covariance()[0, 2, 2]

    both = jax.jit(jax.value_and_grad(mean, has_aux=True))

    def numbers(k: float) -> tuple[float, float, float]:
        (value, variance), slope = both(k)
        return float(value), float(slope), float(variance)

    return numbers
