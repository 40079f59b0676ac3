"""How far the draws of chains can be trusted: ArviZ's rank-normalised R-hat and effective sample sizes."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax._base.extras import need

LARGEST_RHAT, LEAST_ESS = 1.01, 400.0
"""Beyond, and below for all chains together, means and quantiles are doubted: Vehtari et al. 2021."""

FEWEST = 4
"""Draws of a chain that ArviZ can judge."""


class Trust(NamedTuple):
    """Of one parameter."""

    rhat: float
    """Rank-normalised split R-hat: 1 where the chains have one law."""
    ess_bulk: float
    """Effective number of draws for what lies in the middle."""
    ess_tail: float
    """The same for the 5 % and 95 % quantiles."""


def arviz() -> Any:
    """The package, without its word about a version to come.

    Raises:
        UnsupportedError: it is not installed.
    """
    need("bayes", "a posterior")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz as az
    return az


def trust(draws: Float[np.ndarray, "chains draws"]) -> Trust:
    """Of the draws of one parameter; NaN where they do not move or are too few, and R-hat of one chain, which cannot be compared.

    Source: Vehtari et al. 2021, doi:10.1214/20-BA1221.
    """
    if np.ptp(draws) == 0 or draws.shape[1] < FEWEST:
        return Trust(float("nan"), float("nan"), float("nan"))
    az = arviz()
    values = np.asarray(draws, np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rhat = az.rhat(values) if len(values) > 1 else np.nan
        found = rhat, az.ess(values, method="bulk"), az.ess(values, method="tail")
    return Trust(*(float(np.asarray(one)) for one in found))
