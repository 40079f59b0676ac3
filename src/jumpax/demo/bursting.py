"""The fit of bursty transcription to counts at steady state."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.count_laws import poisson
from jumpax.inference import Derived, Fixed, Free, Problem, losses
from jumpax.inference.losses.reference import AbstractReference, closed
from jumpax.inference.sources import AbstractSource
from jumpax.networks.zoo import telegraph

START_POINTS: tuple[dict[str, float], ...] = (
    {"burst_frequency": 1.0, "burst_size": 10.0},
    {"burst_frequency": 8.0, "burst_size": 4.0},
    {"burst_frequency": 0.5, "burst_size": 40.0},
)
"""Where a fit may begin: below and above every gene in frequency, by up to a factor of six."""
SIZE = 512
"""Places of the histogram; one size for all genes, so that they share a compiled step."""
SETTLE = 7.0
"""Lifetimes of the messenger from the empty cell to the observation: the mean is then 0.09 % low."""
K_OFF = 20.0
_NODES, _POWER = 200, 4


@dataclasses.dataclass(frozen=True)
class BetaPoisson(AbstractReference):
    """The steady state of the telegraph promoter: a Poisson law whose mean is beta distributed.

    p(n) = integral of Beta(x; k_on, k_off) Poisson(n; k_tx x) dx, rates per lifetime of the messenger, by Gauss-Legendre
    quadrature in x^(1/4) with 200 nodes. Here it stands in for counts that no simulated path reached.

    Source: Peccoud and Ycart 1995, doi:10.1006/tpbi.1995.1027.
    """

    name = "stationary law of the promoter"

    def __call__(self, law: Float[Array, "times size"], values: Mapping[str, Any]) -> Float[Array, "times size"]:
        """Its probabilities, the same at all times."""
        rates = {name: values[name] / values["gamma"] for name in ("k_on", "k_off", "k_tx")}
        t, weight = _rule()
        x = t**_POWER
        density = jnp.log(weight) + (_POWER * rates["k_on"] - 1) * jnp.log(t) + (rates["k_off"] - 1) * jnp.log1p(-x)
        share = jnp.exp(density - density.max())
        share = share / share.sum()
        mean = (rates["k_tx"] * x)[:, None]
        n = jnp.arange(law.shape[1], dtype=law.dtype)[None]
        p = share @ poisson(n, mean)
        return jnp.broadcast_to(closed(p[None]), law.shape)


@functools.cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the Gauss-Legendre rule on (0, 1)."""
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    return (node + 1) / 2, weight / 2


def bursting(
    counts: Sequence[int] | np.ndarray,
    source: AbstractSource,
    start: Mapping[str, float] | None = None,
    smoothing: float = 5.0,
) -> Problem:
    """Burst frequency and burst size of a gene, from its transcripts per cell.

    Rates are per lifetime of the messenger. The promoter opens at `k_on`, the burst frequency, closes at `k_off`, fixed at
    20, and transcribes at `k_tx` = burst size x `k_off` while open. Cells are taken as independent and at steady state;
    their size is not modelled.

    Args:
        counts: one per cell.
        source: simulation, or the master equation.
        start: of the two free parameters; default the first of `START_POINTS`.
        smoothing: see `jumpax.losses.LogLikelihood`.

    Examples:
        >>> from jumpax.inference import Simulation
        >>> bursting([3, 0, 12, 7], Simulation()).free
        ('burst_frequency', 'burst_size')
    """
    first = START_POINTS[0] if start is None else start
    parameters = {
        "burst_frequency": Free(first["burst_frequency"], unit="1/lifetime"),
        "burst_size": Free(first["burst_size"], unit="molecules"),
        "k_off": Fixed(K_OFF, unit="1/lifetime"),
        "gamma": Fixed(1.0, unit="1/lifetime"),
        "k_on": Derived.product("burst_frequency", "gamma", unit="1/lifetime"),
        "k_tx": Derived.product("burst_size", "k_off", unit="molecules/lifetime"),
    }
    model = telegraph()
    loss = losses.LogLikelihood("M", counts, size=SIZE, smoothing=smoothing, reference=BetaPoisson())
    return Problem(model.network, model.x0, loss, parameters, settle=SETTLE, source=source)


def expected_events(burst_frequency: float, burst_size: float, mean: float, k_off: float = K_OFF) -> float:
    """Mean number of events of one path of length `SETTLE` from a closed promoter without messengers.

    Exact, by integrating the probability of the open promoter.

    Args:
        burst_frequency: per lifetime.
        burst_size: molecules.
        mean: messengers at the end.
        k_off: per lifetime.
    """
    total = burst_frequency + k_off
    opened = burst_frequency / total * (SETTLE - (1 - np.exp(-total * SETTLE)) / total)
    made = burst_size * k_off * opened
    return float(burst_frequency * (SETTLE - opened) + k_off * opened + 2 * made - mean)
