"""Means of independent paths, and what looks like one path instead."""

import warnings

import numpy as np
import pytest

import jumpax
from jumpax import JumpaxWarning, losses
from jumpax.inference.observed import of_one_path

TIMES = np.arange(1.0, 21.0)


def outbreak(seed):
    """Weekly cumulative numbers of one epidemic among 1,000: a chain of binomial infections and recoveries."""
    rng, susceptible, infected, total, found = np.random.default_rng(seed), 990, 10, 10, []
    for _ in range(20):
        for _ in range(7):
            new = rng.binomial(susceptible, 1 - np.exp(-1.6 / 7 * infected / 1000))
            gone = rng.binomial(infected, 1 - np.exp(-1 / 7))
            susceptible, infected, total = susceptible - new, infected + new - gone, total + new
        found.append(total)
    return np.array(found, float)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "errors",
    [lambda x: 1.0, lambda x: 10.0, lambda x: np.sqrt(x), lambda x: 0.05 * x, lambda x: np.maximum(0.1 * x, 3.0)],
)
def test_one_outbreak_is_warned_of(seed, errors):
    numbers = outbreak(seed)
    with pytest.warns(JumpaxWarning, match="whole numbers.*many independent paths at each time.*one outbreak"):
        loss = losses.TimeSeries(TIMES, {"cases": numbers}, {"cases": errors(numbers)})
    assert "one path" in loss.notes(None, 8000)["doubt"]


def test_one_path_of_a_model_is_warned_of():
    """Also one that goes up and down, and each species by itself."""
    rng = np.random.default_rng(3)
    up_and_down = rng.poisson(12, 8).astype(float)
    with pytest.warns(JumpaxWarning, match="the means of 'X' are whole"):
        losses.TimeSeries(TIMES[:8], {"X": up_and_down, "Y": up_and_down / 7}, {"X": 0.5, "Y": 0.5})
    with pytest.warns(JumpaxWarning, match="the means of 'X' are whole"):
        losses.WindowMeans(np.arange(9.0), {"X": up_and_down}, {"X": np.sqrt(up_and_down + 1)})


def test_said_to_be_one_path():
    with pytest.warns(JumpaxWarning, match="are those of one path"):
        losses.TimeSeries([1.0, 2.0], {"X": [3.1, 4.2]}, {"X": 0.5}, paths=1)
    with pytest.raises(jumpax.InputError, match="paths must be a whole number"):
        losses.TimeSeries([1.0, 2.0], {"X": [3.1, 4.2]}, {"X": 0.5}, paths=0)


def test_means_of_many_cells_are_not():
    """Means of 30 to 3,000 cells, and those rounded to whole numbers, with errors from their spread: 2 alarms in 1,000
    at most, where none is expected in the unrounded ones.
    """
    rng, alarms, rounded = np.random.default_rng(8), 0, 0
    for _ in range(1000):
        cells, mean = int(rng.choice([30, 300, 3000])), rng.uniform(20, 900) * (1 - np.exp(-TIMES / rng.uniform(1, 9)))
        deviation = np.sqrt(mean * rng.uniform(1, 20))
        found = mean + deviation / np.sqrt(cells) * rng.normal(size=20)
        spread = deviation * np.sqrt(rng.chisquare(cells - 1, 20) / (cells - 1)) / np.sqrt(cells)
        whole_cells = np.round(found * cells) / cells
        alarms += of_one_path(whole_cells, spread) + of_one_path(whole_cells, np.full(20, spread.mean()))
        rounded += of_one_path(np.round(found), spread)
    assert alarms == 0
    assert rounded <= 2


def test_what_is_said_to_be_means_is_taken_for_means():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.TimeSeries(TIMES, {"cases": outbreak(0)}, {"cases": 1.0}, paths=500)
        losses.TimeSeries(TIMES[:4], {"A": [12.0, 45.0, 80.0, 95.0]}, {"A": [2.0, 4.0, 5.0, 5.5]})  # too few to judge
        losses.TimeSeries(TIMES[:5], {"A": [0.0, 0.0, 0.0, 0.0, 1.0]}, {"A": 0.5})
        losses.TargetMoments("X", [20, 30, 40, 50], [4, 5, 6, 7], times=[1, 2, 3, 4])


@pytest.mark.parametrize("build", [losses.LogLikelihood, losses.Wasserstein])
def test_one_cell_that_is_followed_is_warned_of(build):
    counts = np.random.default_rng(4).poisson(8, 20)
    with pytest.warns(JumpaxWarning, match="one count of 'X' at each of 20 times"):
        build("X", counts, TIMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build("X", counts[:4], TIMES[:4])
        build("X", np.append(counts, 3), np.append(TIMES, 1.0))
        build("X", counts)


@pytest.mark.parametrize(
    "loss",
    [
        losses.TimeSeries([1.0, 2.0], {"X": [3.1, 4.2]}, {"X": 0.5}),
        losses.WindowMeans([0.0, 1.0, 2.0], {"X": [3.1, 4.2]}, {"X": 0.5}),
        losses.MomentMatch("X", [3, 5, 8, 1, 9]),
        losses.TargetMoments("X", 4.0, 2.0),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_losses_of_means_say_what_they_are_for(loss):
    """In the docstring, and in the notes, which are in the table, the report and JSON."""
    words = " ".join((type(loss).__doc__ or "").split())
    assert "independent" in words
    assert "at each time" in words or "in each window" in words
    assert "independent" in loss.notes(np.ones((1, 1, 2)), 8000)["data"]
