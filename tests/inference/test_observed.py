"""Observed data that cannot be: told with row numbers, before anything is simulated (fault 50)."""

import numpy as np
import pytest

import jumpax
from jumpax.inference import Fixed, Free, Problem, losses


@pytest.mark.parametrize("kind", [losses.LogLikelihood, losses.MomentMatch])
@pytest.mark.fault(50)
def test_counts_that_cannot_be_are_named_by_row(kind):
    with pytest.raises(jumpax.InputError) as fault:
        kind("X", [3, -1, np.nan, 2.5, 4, -7, 3e9])
    for words in ("negative: row 2 (-1), row 6 (-7)", "missing or not finite: row 3", "not a whole number", "row 4 (2.5)",
                  "largest count: row 7"):  # fmt: skip
        assert words in str(fault.value)


def test_long_lists_of_faults_are_cut():
    with pytest.raises(jumpax.InputError, match=r"row 8 \(-1\) and 12 more"):
        losses.LogLikelihood("X", -np.ones(20))


def test_times_are_judged_with_the_counts():
    with pytest.raises(jumpax.InputError, match=r"negative: row 1(.|\n)*time is missing or not finite: row 2"):
        losses.LogLikelihood("X", [-3, 4], [1.0, np.nan])
    with pytest.raises(jumpax.InputError, match="3 times for 2 counts"):
        losses.LogLikelihood("X", [3, 4], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("counts", [[], {1.0: [3, 4], 2.0: []}], ids=["nothing", "one time"])
@pytest.mark.fault(50)
def test_empty_groups_are_refused(counts):
    with pytest.raises(jumpax.InputError, match=r"at least one row|no cells of 'X' at time 2\.0"):
        losses.LogLikelihood("X", counts)


@pytest.mark.fault(50)
def test_series_name_their_rows():
    with pytest.raises(jumpax.InputError) as fault:
        losses.TimeSeries([1.0, 3.0, 2.0], {"X": [1.0, np.nan, -2.0]}, {"X": [0.1, 0.0, 0.1]})
    for words in ("time does not increase: row 3", "not finite: row 2", "negative: row 3", "not positive: row 2 (0)"):
        assert words in str(fault.value)


@pytest.mark.fault(50)
def test_what_does_not_fit_the_model_is_told_at_once():
    model = jumpax.zoo.birth_death()
    data = losses.LogLikelihood("Y", [3, 4], [1.0, 2.0])
    with pytest.raises(jumpax.InputError) as fault:
        Problem(model.network, {"X": -1}, data, {"birth": Free(1.0)}, start=1.5)
    for words in (
        "unknown species 'Y'",
        "before the run starts at 1.5",
        "'death' of the network is missing",
        "negative",
    ):
        assert words in str(fault.value)
    steady = losses.LogLikelihood("X", [3, 4])
    with pytest.raises(jumpax.InputError, match="give settle"):
        Problem(model.network, model.x0, steady, {"birth": Free(1.0), "death": Fixed(1.0)})
