"""The telegraph promoter in closed form: what fits are judged by."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import roots_jacobi
from scipy.stats import poisson

import jumpax

MODEL = jumpax.zoo.telegraph()
RATES = ("k_on", "k_off", "k_tx")
"""Rates in units of gamma, the decay of the messenger: only these ratios show at steady state."""


def moments(k_on, k_off, k_tx) -> tuple[Array, Array]:
    """Mean and standard deviation at steady state, gamma = 1."""
    mean = k_tx * k_on / (k_on + k_off)
    fano = 1 + k_tx * k_off / ((k_on + k_off) * (k_on + k_off + 1))
    return mean, jnp.sqrt(mean * fano)


def bursts(k_on, k_off, k_tx) -> tuple[Array, Array]:
    """Size (Fano factor - 1) and frequency (mean over size, in units of gamma) of bursts, as the moments show them.

    They tend to k_tx / k_off and k_on where k_off is large, and stay determined where single rates are not.
    """
    mean, deviation = moments(k_on, k_off, k_tx)
    size = deviation**2 / mean - 1
    return size, mean / size


def bounds(mean: float, deviation: float) -> dict[str, float]:
    """What mean and standard deviation alone say of three unknown rates: k_on below, k_tx above these.

    For every k_on below mean / (Fano - 1) there is one k_off and one k_tx above mean + Fano - 1 with exactly these moments.
    """
    excess = deviation**2 / mean - 1
    return {"k_on below": mean / excess, "k_tx above": mean + excess}


def law(rates, size: int) -> Float[np.ndarray, " size"]:
    """Probabilities of 0 .. size - 1 messengers: Poisson of mean k_tx p, p beta distributed (Gauss-Jacobi rule)."""
    k_on, k_off, k_tx = (float(rates[name]) for name in RATES)
    node, weight = roots_jacobi(200, k_off - 1, k_on - 1)
    return poisson.pmf(np.arange(size)[:, None], k_tx * (1 + node) / 2) @ (weight / weight.sum())


def sample(rates, cells: int, seed: int) -> np.ndarray:
    """Messengers of independent cells at steady state, from the same law."""
    generator = np.random.default_rng(seed)
    return generator.poisson(rates["k_tx"] * generator.beta(rates["k_on"], rates["k_off"], cells))


def log_uniform(generator: np.random.Generator, ends, shape=None):
    """Numbers whose logarithm is uniform between the ends."""
    return np.exp(generator.uniform(np.log(ends[0]), np.log(ends[1]), shape))
