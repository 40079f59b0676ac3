"""What a problem of records refuses, what the verbs say that do not take one, and what a fit says of priors."""

import numpy as np
import pytest

import jumpax
from jumpax import Fixed, Free, InputError, RecordProblem, Records
from jumpax.inference.progress import PosteriorProgress

MODEL = jumpax.zoo.birth_death()
TRACE = Records([1.0, 2.0], {"X": [4.0, 9.0]}, jumpax.records.Normal(1.0))
RATES = {"birth": Free(9.0, prior=jumpax.priors.LogNormal(9.0, 0.5)), "death": Fixed(1.0)}


def problem(**more):
    return RecordProblem(MODEL.network, {"X": 0}, TRACE, RATES, **more)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tolerance": -1}, "tolerance must be a probability"),
        ({"tolerance": "small"}, "tolerance must be a probability"),
        ({"limits": {"Xx": 5}}, "unknown species 'Xx'"),
        ({"limits": "60"}, "limits must be whole numbers"),
        ({"firings": {"cases": 5}}, "unknown column of Firings 'cases'"),
        ({"max_states": 0}, "max_states must be"),
        ({"start": "a"}, "start must be a time"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(settings, message):
    with pytest.raises(InputError, match=message):
        problem(**settings)


@pytest.mark.parametrize("verb", ["fit", "profile", "predictive"])
def test_verbs_for_expectations_say_what_to_take_instead(verb):
    calls = {
        "fit": lambda: jumpax.fit(problem()),
        "profile": lambda: jumpax.inference.profile(problem(), "birth", [1.0, 2.0, 3.0]),
        "predictive": lambda: jumpax.inference.predictive(problem(), None),
    }
    with pytest.raises(InputError, match=rf"{verb} needs a Problem.*jumpax.posterior\(problem\)"):
        calls[verb]()
    with pytest.raises(InputError, match="'a', a RecordProblem"):
        jumpax.Conditions({"a": problem(), "b": problem()})
    for density in (jumpax.log_density, lambda given: jumpax.posterior(given, key=0)):
        with pytest.raises(InputError, match=r"RecordProblem.*not Records"):
            density(TRACE)


def test_a_fit_says_that_it_does_not_use_priors():
    data = jumpax.losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
    source = jumpax.inference.MasterEquation({"X": 60})
    found = jumpax.fit(jumpax.Problem(MODEL.network, MODEL.x0, data, RATES, settle=10.0, source=source))
    assert "priors: of birth are for jumpax.posterior; a fit does not use them" in str(found)


def test_one_chain_is_told_as_such_and_progress_has_one_form():
    seen = []
    found = jumpax.posterior(
        problem(), key=1, method="pmmh", chains=1, draws=20, warm_up=10, particles=30, progress=seen.append
    )
    assert found.doubts["chains"].startswith("one chain cannot be compared")
    assert np.isnan(found.trust["birth"].rhat)
    assert "nan" not in "".join(map(str, found.table().values()))
    assert all(isinstance(one, PosteriorProgress) for one in seen)
    assert [one.what for one in seen if one.what != "approach"] == ["warm-up"] * 10 + ["draws"] * 20
    assert str(seen[-1]) == "draws: 100 %"
