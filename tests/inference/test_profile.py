"""Profile likelihoods on the exact law."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2, poisson

import jumpax
from jumpax.inference import (
    Derived,
    Fixed,
    Free,
    MasterEquation,
    Problem,
    Profile,
    Simulation,
    agreed,
    fit,
    losses,
    profile,
    profiled,
)
from jumpax.inference.fit import quiet_fit

COUNTS = np.random.default_rng(2).poisson(8.0, 80)
MODEL = jumpax.zoo.birth_death()
EXACT = MasterEquation({"X": 60})


def test_two_bounds_are_those_of_the_likelihood_ratio():
    parameters = {"mean": Free(8.0), "death": Fixed(1.0), "birth": Derived.product("mean", "death")}
    data = losses.LogLikelihood("X", COUNTS)
    problem = Problem(MODEL.network, MODEL.x0, data, parameters, settle=8.0, source=EXACT)
    found = profile(problem, "mean", [6.0, 7.0, 8.0, 9.0, 10.0], refine=3)

    def excess(mean):
        top = poisson.logpmf(COUNTS, found.values[found.log_likelihood.argmax()]).sum()
        return poisson.logpmf(COUNTS, mean).sum() - top + chi2.ppf(0.95, 1) / 2

    assert not found.one_sided
    assert found.lower == pytest.approx(brentq(excess, 4, COUNTS.mean()), rel=1e-3)
    assert found.upper == pytest.approx(brentq(excess, COUNTS.mean(), 15), rel=1e-3)
    assert found.log_likelihood.max() == 0
    assert found.others == {}


def test_without_a_maximum_there_is_one_bound():
    """Counts with a heavier tail than any telegraph law: the faster the promoter switches off the better."""
    model = jumpax.zoo.telegraph()
    rng = np.random.default_rng(5)
    data = losses.LogLikelihood("M", rng.poisson(rng.lognormal(1.5, 0.8, 300)))
    parameters = {
        "k_on": Free(2.0), "burst": Free(3.0), "k_off": Fixed(20.0), "gamma": Fixed(1.0),
        "k_tx": Derived.product("burst", "k_off"),
    }  # fmt: skip
    problem = Problem(model.network, model.x0, data, parameters, settle=8.0, source=MasterEquation({"M": 400}))
    found = profile(problem, "k_off", [1.0, 10.0, 100.0, 1e4], refine=2)
    assert found.one_sided
    assert found.upper is None
    assert found.lower is not None
    assert 1.0 < found.lower < 1e4
    assert found.drop == pytest.approx(chi2.ppf(0.9, 1) / 2)
    assert (np.diff(found.log_likelihood[found.values <= 10]) > 0).all()
    assert str(found).startswith("k_off > ")
    assert found.to_dict()["upper"] is None


@pytest.fixture(scope="module")
def counted():
    """A fit by the exact law, with all that it says."""
    problem = Problem(
        MODEL.network, MODEL.x0, losses.LogLikelihood("X", COUNTS), {"birth": Free(8.0, 0.0, 40.0), "death": Fixed(1.0)},
        settle=8.0, source=EXACT,
    )  # fmt: skip
    return problem, fit(problem)


def bound(lower, upper, values=(4.0, 8.0, 16.0), resolved=True):
    return Profile(
        "birth", np.array(values), np.zeros(3), np.zeros(3), {}, 1.92, 0.95, lower, upper, resolved, (lower is None) != (upper is None)
    )  # fmt: skip


def test_a_profile_with_two_bounds_takes_the_place_of_the_interval(counted):
    problem, found = counted
    flat = dataclasses.replace(
        found, undetermined=("birth",), standard_errors={**found.standard_errors, "birth": np.inf},
        intervals={"birth": (0.0, 40.0)}, doubts={"undetermined": "the data do not determine birth"},
    )  # fmt: skip
    assert "not determined" in str(flat)
    for result in (found, flat):
        made = agreed(problem, result, bound(7.0, 9.0))
        assert made.intervals["birth"] == (7.0, 9.0)
        assert made.undetermined == ()
        assert made.doubts == {}
        assert made.converged
        assert "7 to 9" in str(made)
        assert "not determined" not in str(made)


def test_a_profile_that_stays_up_opens_the_interval(counted):
    """And the parameter counts as not determined, everywhere."""
    problem, found = counted
    made = agreed(problem, found, bound(7.0, None))
    assert made.intervals["birth"] == (7.0, 40.0)
    assert made.undetermined == ("birth",)
    assert made.standard_errors["birth"] == np.inf
    assert "do not determine birth" in made.doubts["undetermined"]
    assert "not determined" in str(made)
    assert made.to_dict()["standard_errors"]["birth"] is None


def test_a_profile_over_a_short_range_or_in_noise_changes_nothing_else(counted):
    problem, found = counted
    for profile_of in (bound(None, None, (7.9, 8.0, 8.1)), bound(None, None, resolved=False)):
        made = agreed(problem, found, profile_of)
        assert made.intervals == found.intervals
        assert made.undetermined == ()
    assert agreed(problem, found, bound(7.0, None, (7.0, 7.9, 8.0))).intervals["birth"][0] == 7.0


def test_fits_that_used_all_their_steps_are_told():
    """The others are then not the most likely ones, and the profile is too low."""
    parameters = {"birth": Free(2.0), "death": Fixed(1.0)}
    data = losses.LogLikelihood("X", COUNTS)
    problem = Problem(MODEL.network, MODEL.x0, data, parameters, settle=8.0, source=EXACT)
    with pytest.warns(jumpax.JumpaxWarning, match="fits at death = 0.5, 1, 2.* using all their steps"):
        profile(problem, "death", [0.5, 1.0, 2.0], steps=2, refine=0)


def test_nonsense_is_refused():
    problem = Problem(
        MODEL.network, MODEL.x0, losses.LogLikelihood("X", COUNTS), {"birth": Free(8.0), "death": Fixed(1.0)}, settle=8.0
    )  # fmt: skip
    with pytest.raises(jumpax.InputError, match="refine must be 0 or a larger whole number; got -1"):
        profile(problem, "birth", [1.0, 2.0, 3.0], refine=-1)
    with pytest.raises(jumpax.InputError, match="three different values"):
        profile(problem, "birth", [1.0, 2.0])
    with pytest.raises(jumpax.InputError, match="unknown free or fixed parameter 'brith'"):
        profile(problem, "brith", [1.0, 2.0, 3.0])
    with pytest.raises(jumpax.InputError, match=r"values of 'birth' outside its bounds 0 and inf: -1\.0, 0\.0"):
        profile(problem, "birth", [-1.0, 0.0, 3.0])


def test_bounds_that_noise_would_fake_are_not_given():
    source = Simulation(paths=64, batches=8)
    data = losses.LogLikelihood("X", np.repeat(COUNTS, 20))
    problem = Problem(
        MODEL.network, MODEL.x0, data, {"birth": Free(8.0), "death": Fixed(1.0)}, settle=8.0, source=source
    )
    with pytest.warns(jumpax.JumpaxWarning, match="simulate more paths, or use source=MasterEquation"):
        found = profile(problem, "birth", [7.0, 8.0, 9.0])
    assert not found.resolved
    assert found.lower is found.upper is None
    assert "hides the bounds" in str(found)


def test_intervals_of_a_fit_by_profiles():
    """Two parameters, counts at two times: their laws are Poisson, and SciPy fits the other parameter again."""
    rng, times = np.random.default_rng(11), np.array([0.5, 2.0])

    def mean(birth, death):
        return birth / death * -np.expm1(-death * times)

    counts = rng.poisson(mean(9.0, 0.8), (40, 2)).T
    parameters = {"birth": Free(8.0), "death": Free(1.0)}
    data = losses.LogLikelihood("X", dict(zip(times.tolist(), counts)))
    problem = Problem(MODEL.network, {"X": 0}, data, parameters, source=EXACT)
    found = fit(problem)

    def best(birth):
        return -minimize_scalar(
            lambda u: -poisson.logpmf(counts, mean(birth, np.exp(u))[:, None]).sum(), bounds=(-3, 2), method="bounded"
        ).fun

    def excess(birth):
        return best(birth) - best(found.estimates["birth"]) + chi2.ppf(0.95, 1) / 2

    for source in (EXACT, Simulation(100)):  # by the master equation either way
        result = profiled(problem.drawing(lambda _, source=source: source), found, ["birth"])
        low, high = result.intervals["birth"]
        assert low == pytest.approx(brentq(excess, 5, found.estimates["birth"]), rel=2e-3)
        assert high == pytest.approx(brentq(excess, found.estimates["birth"], 15), rel=2e-3)
    assert result.intervals["death"] == found.intervals["death"]
    assert (result.profiles["birth"].lower, result.profiles["birth"].upper) == (low, high)
    assert result.to_dict()["profiles"]["birth"]["upper"] == high
    assert f"{low:.3g} to {high:.3g}" in result.table()["95 % interval"]
    with pytest.raises(jumpax.InputError, match="'brith'"):
        profiled(problem, found, ["brith"])


def test_the_profile_of_an_estimate_at_its_bound():
    """The likelihood of Poisson counts falls from there almost straight, not as a parabola; one bound lies at a drop of 1.35."""
    parameters = {"birth": Free(5.0, 0.0, 7.0), "death": Fixed(1.0)}
    problem = Problem(MODEL.network, MODEL.x0, losses.LogLikelihood("X", COUNTS), parameters, settle=8.0, source=EXACT)
    found = quiet_fit(problem)  # it warns that the loss is flat there
    assert COUNTS.mean() > 7.0
    assert found.estimates["birth"] == 7.0  # rounded to it

    def excess(birth):
        return poisson.logpmf(COUNTS, birth).sum() - poisson.logpmf(COUNTS, 7.0).sum() + chi2.ppf(0.9, 1) / 2

    made = profiled(problem, found)
    low, high = made.intervals["birth"]
    assert 7.0 - low == pytest.approx(7.0 - brentq(excess, 3.0, 7.0), rel=0.05)
    assert high == 7.0
    assert made.profiles["birth"].one_sided


def test_a_profile_above_the_estimate_is_told(counted):
    problem, found = counted
    off = dataclasses.replace(found, estimates={**found.estimates, "birth": 7.0})
    with pytest.warns(jumpax.JumpaxWarning, match=r"log-likelihood is larger by .* at birth = .* than at the estimate"):
        made = profiled(problem, off)
    assert made.intervals["birth"] == pytest.approx(profiled(problem, found).intervals["birth"], rel=1e-2)


def test_ctrl_c_ends_profiles_and_keeps_the_fit(counted, monkeypatch):
    """It ends the fit at one value early: the likelihood there would be too low, and the next fit would begin."""
    _, found = counted
    problem = Problem(
        MODEL.network, MODEL.x0, losses.LogLikelihood("X", COUNTS), {"birth": Free(8.0), "death": Free(1.0)}, settle=8.0, source=EXACT
    )  # fmt: skip
    calls = []

    def stopped(*_, **__):
        calls.append(1)
        return dataclasses.replace(found, interrupted=True)

    monkeypatch.setattr("jumpax.inference.profiling.quiet_fit", stopped)
    both = dataclasses.replace(
        found, free=("birth", "death"), unconstrained=np.zeros(2), information=np.eye(2), estimates={"birth": 8.0, "death": 1.0}
    )  # fmt: skip
    made = profiled(problem, both)
    assert len(calls) == 1
    assert made.interrupted
    assert not made.profiles
    with pytest.raises(KeyboardInterrupt):
        profile(problem, "birth", [7.0, 8.0, 9.0])


def test_a_parameter_may_be_called_as_the_error_of_the_likelihood():
    one = dataclasses.replace(bound(7.0, 9.0), others={"error": np.array([1.0, 2.0, 3.0])})
    data = one.to_xarray()
    np.testing.assert_array_equal(data["profile_parameter_error"], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(data["profile_error"], 0.0)
    with pytest.raises(jumpax.InputError, match="two columns of the table would be called 'error'"):
        one.to_dataframe()


def test_a_parameter_without_a_profile_costs_no_other(counted, monkeypatch):
    problem, found = counted
    fault = jumpax.SimulationError("probability leaks; raise the limits")
    monkeypatch.setattr("jumpax.inference.profiling._around", lambda *_: (_ for _ in ()).throw(fault))
    with pytest.warns(jumpax.JumpaxWarning, match="no profile of 'birth'.*raise the limits"):
        result = profiled(problem, found, "birth")
    assert result.intervals == found.intervals
