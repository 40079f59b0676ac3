"""What windows can tell of the oscillator's rates: Fisher information at the true rates, before any fit."""

import numpy as np
from jaxtyping import Float

from common.item import Settings
from vilar2026 import oscillator_model as osc
from vilar2026.oscillator_model import RATES

PAIRS = (("gamma_A", "theta_A"), ("gamma_R", "theta_R"), ("alpha_A", "alpha_Ap"), ("alpha_Ap", "delta_MA"))
"""Rates of which the data may tell the ratio better than either."""

Means = Float[np.ndarray, "segments entries"]
Spread = Float[np.ndarray, "segments entries entries"]


def theta_of(settings: Settings, u: Float[np.ndarray, " moving"]) -> dict[str, float]:
    """Rates by name from the logarithms of those that move, relative to the truth."""
    whole = np.zeros(len(RATES))
    whole[[RATES.index(name) for name in settings["rates"]]] = u
    return osc.theta_of(whole)


def recorded(settings: Settings) -> osc.Ensemble:
    """The cells whose means are the data."""
    return osc.ensemble(settings["cells"], settings["width"], settings["end"], settings["seed"])


def spread(settings: Settings) -> Spread:
    """Covariance at the truth of a cell's averages given the start of the segment, from two paths of each start.

    It takes many cells: one in 300 fires early, between 18 and 20 h, so that the standard deviation of A there is
    15 and not 0.3. A few hundred cells may not show that, and would weight this average 2,000 times too much.
    """
    begin = osc.starts(recorded(settings), settings["windows"])[: settings["covariance_cells"]]
    theta = theta_of(settings, np.zeros(len(settings["rates"])))
    first, second = (
        osc.follow(theta, begin, settings["windows"], settings["width"], settings["seed"] + 300 + i).averages
        for i in (0, 1)
    )
    return np.einsum("csi,csj->sij", first - second, first - second) / (2 * len(begin))


def _cells(settings: Settings, chunk: int):
    """Starts of the cells of a chunk."""
    many = settings["told_cells"]
    return osc.starts(recorded(settings), settings["windows"])[chunk * many : (chunk + 1) * many]


def slopes(settings: Settings, chunk: int) -> Float[np.ndarray, "segments entries moving"]:
    """Mean slopes at the truth over some cells, by the trapezoidal tangent."""
    theta, names = theta_of(settings, np.zeros(len(settings["rates"]))), tuple(settings["rates"])
    windows, width, key = settings["windows"], settings["width"], settings["seed"] + 500 + chunk
    return osc.slopes(theta, _cells(settings, chunk), windows, width, key, names).mean(0)


def directions(settings: Settings, covariance: Spread, slope) -> Float[np.ndarray, "moving moving"]:
    """Steps along the axes of an information (columns), each so many expected standard errors long."""
    weight = settings["cells"] / 2 * np.linalg.inv(covariance)
    values, vectors = np.linalg.eigh(np.einsum("sip,sij,sjq->pq", slope, weight, slope))
    errors = 1 / np.sqrt(np.maximum(values, 0) + settings["prior"] ** -2)
    return vectors * np.minimum(settings["check_errors"] * errors, settings["check_largest"])


def changes(settings: Settings, chunk: int, steps) -> Float[np.ndarray, "segments entries moving"]:
    """Half the differences of means over some cells between a step along each direction and one back.

    With the same random numbers, and without the bias of a tangent. Steps along single rates would not do: short ones drown
    in noise along the axes that the data hardly tell, and long ones are not small along the others.
    """
    begin, windows, width = _cells(settings, chunk), settings["windows"], settings["width"]

    def mean(u) -> Means:
        return osc.follow(theta_of(settings, u), begin, windows, width, settings["seed"] + 700 + chunk).averages.mean(0)

    return np.stack([(mean(step) - mean(-step)) / 2 for step in np.asarray(steps).T], -1)


def best(covariance: Spread, steps, slopes, changes):
    """Changes by chunk: differences, but tangents along those steps whose changes drown in the noise of differences."""
    slopes, changes = np.array(slopes), np.array(changes)
    weight, off = np.linalg.inv(np.array(covariance)), changes - changes.mean(0)
    noise = np.einsum("ksip,sij,ksjp->p", off, weight, off) / (len(off) * (len(off) - 1))
    mean = slopes.mean(0) @ steps
    drowned = np.einsum("sip,sij,sjp->p", mean, weight, mean) < noise
    return np.where(drowned, slopes[: len(changes)] @ steps, changes)


def told(settings: Settings, covariance: Spread, steps, chunks) -> dict:
    """Expected standard errors at the truth, of rates and combinations, from the changes of means along some steps.

    Data and simulation both have the noise of all cells. The information is the mean of products of different chunks, which
    their noise does not bias; the prior is part of it, and all there is where noise makes the information negative.
    """
    names, chunks = list(settings["rates"]), np.array(chunks)
    weight = settings["cells"] / 2 * np.linalg.inv(np.array(covariance))
    own = np.einsum("ksip,sij,ksjq->pq", chunks, weight, chunks)
    whole = np.einsum("sip,sij,sjq->pq", chunks.sum(0), weight, chunks.sum(0))
    back = np.linalg.inv(steps)
    information = back.T @ _positive((whole - own) / (len(chunks) * (len(chunks) - 1))) @ back
    values, vectors = np.linalg.eigh(information + np.eye(len(names)) / settings["prior"] ** 2)
    made = (vectors / values) @ vectors.T
    error = 100 * np.sqrt(np.diag(made))
    combinations = {}
    for over, under in [pair for pair in PAIRS if set(pair) <= set(names)]:
        i, j = names.index(over), names.index(under)
        for sign, symbol in ((-1, "/"), (1, "*")):
            combinations[f"{over} {symbol} {under}"] = 100 * np.sqrt(made[i, i] + made[j, j] + 2 * sign * made[i, j])
    return {
        "error_percent": dict(zip(names, error.tolist(), strict=True)), "combination_percent": combinations,
        "axes_percent": 100 / np.sqrt(values), "axes": vectors.T,
        "told": [name for name, e in zip(names, error, strict=True) if e <= settings["told_percent"]],
    }  # fmt: skip


def _positive(matrix):
    """Without its negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 0)) @ vectors.T
