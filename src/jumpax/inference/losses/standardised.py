"""Data in units of their scatter: what goodness of fit is judged by."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import digamma, polygamma

ENOUGH = 7
"""Cells from which on a variance that they told has a variance that is known well enough."""


class Standardised(NamedTuple):
    """Differences of expectation and data that, if the model is true, are uncorrelated and have variance 1."""

    data: str
    """Which data, in words."""
    values: Float[np.ndarray, " entries"]
    slopes: Float[np.ndarray, "entries columns"]
    """Derivatives, one column for each of that of the expectation."""
    excess: float
    """Variance of the sum of squares beyond that of as many Gaussian numbers, which is twice their number."""


def of_differences(
    data: str,
    differences: Float[np.ndarray, "times entries"],
    slopes: Float[np.ndarray, "times entries columns"],
    root: Float[np.ndarray, "times entries entries"],
    excess: float = 0.0,
) -> Standardised:
    """Of differences with the covariance (root^T root)^-1; where a row of the root is 0 there is no datum."""
    values = np.einsum("tij,tj->ti", root, np.asarray(differences, np.float64))
    steep = np.einsum("tij,tjp->tip", root, np.asarray(slopes, np.float64))
    there = (root != 0).any(2)
    return Standardised(data, values[there], steep[there], excess)


def of_means(
    data: str,
    differences: Float[np.ndarray, " entries"],
    slopes: Float[np.ndarray, "entries columns"],
    variances: Float[np.ndarray, " entries"],
    excess: float,
) -> Standardised:
    """Of independent differences with these variances."""
    scale = 1 / np.sqrt(variances)
    return Standardised(data, differences * scale, slopes * scale[:, None], excess)


def together(data: str, parts: list[Standardised]) -> Standardised:
    """Independent ones as one."""
    return Standardised(
        data,
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.slopes for part in parts]),
        sum(part.excess for part in parts),
    )


def of_estimated_covariance(
    sizes: Float[np.ndarray, " times"], entries: int
) -> tuple[Float[np.ndarray, " times"], float] | None:
    """What to scale means of so many entries by, and the excess, where their covariance is an estimate from as many cells.

    Their sum of squares is Hotelling's, (n - 1) k / (n - k) F(k, n - k) for n cells and k entries (Hotelling 1931,
    doi:10.1214/aoms/1177732979): scaled to the mean k. None where there are too few cells for a variance.
    """
    left = sizes - entries
    if (left < ENOUGH - 1).any():
        return None
    excess = 2 * entries * (entries + left - 2) / (left - 4) - 2 * entries
    return np.sqrt((left - 2) / (sizes - 1)), float(excess.sum())


def of_estimated_deviations(cells: float) -> tuple[float, float, float]:
    """Bias of the logarithm of a standard deviation that as many cells tell, its spread over 1 / sqrt(2 (n - 1)), and the excess.

    For Gaussian numbers: half the logarithm of a chi-square over its n - 1 degrees of freedom (Bartlett and Kendall 1946,
    doi:10.2307/2983618).
    """
    half = (cells - 1) / 2
    spread = float(polygamma(1, half))
    return float(digamma(half) - np.log(half)) / 2, float(np.sqrt(half * spread)), float(polygamma(3, half)) / spread**2
