"""Several conditions in one fit, against closed forms: immigration and death, whose law is Poisson, and decay."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.inference import Conditions, Derived, Fixed, Free, MasterEquation, Problem, Simulation, fit, losses, profile
from jumpax.results import to_dataset

MODEL = jumpax.zoo.birth_death()
RANDOM = np.random.default_rng(30)
CONTROL, DRUG = RANDOM.poisson(12.0, 200), RANDOM.poisson(15.0, 100)
EXACT = MasterEquation({"X": 70})
SMALL = Simulation(paths=1600, batches=8)
DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])


def steady(counts, source=EXACT, **more):
    parameters = {"birth": Free(10.0, unit="1/h"), "death": Fixed(1.0), **more}
    return Problem(
        MODEL.network, MODEL.x0, losses.LogLikelihood("X", counts, size=50), parameters, settle=8.0, source=source
    )


def both(own=(), source=EXACT, **more):
    return Conditions({"control": steady(CONTROL, source), "drug": steady(DRUG, source)}, own, **more)


def test_a_shared_rate_is_the_mean_of_all_counts():
    with pytest.warns(jumpax.JumpaxWarning, match="does not explain the data: all data"):  # the drug does something
        found = fit(both())
    assert found.converged
    mean = np.append(CONTROL, DRUG).mean()
    assert found.free == ("birth",)
    assert found.estimates["birth"] == pytest.approx(mean, rel=1e-3)
    assert found.standard_errors["birth"] == pytest.approx(np.sqrt(mean / 300), rel=1e-3)
    assert found.units["birth"] == "1/h"


def test_a_rate_of_each_condition_is_the_mean_of_its_counts():
    fold = {"fold": Derived.ratio("birth[drug]", "birth[control]")}
    found = fit(both(["birth"], derived=fold))
    assert found.free == ("birth[control]", "birth[drug]")
    assert found.estimates["birth[control]"] == pytest.approx(CONTROL.mean(), rel=1e-3)
    assert found.estimates["birth[drug]"] == pytest.approx(DRUG.mean(), rel=1e-3)
    assert found.standard_errors["birth[drug]"] == pytest.approx(np.sqrt(DRUG.mean() / 100), rel=1e-3)
    relative = np.sqrt(1 / CONTROL.sum() + 1 / DRUG.sum())
    assert found.standard_errors["fold"] / found.estimates["fold"] == pytest.approx(relative, rel=1e-3)
    assert found.estimates["death"] == 1.0


def test_result_tells_of_each_condition():
    found = fit(both(["birth"]))
    assert found.notes["cells[control]"] == 200
    assert found.notes["cells[drug]"] == 100
    document = json.loads(json.dumps(found.to_dict()))
    assert document["provenance"]["conditions"] == ["control", "drug"]
    assert document["provenance"]["loss"] == "LogLikelihood"
    assert "birth[drug]" in str(found)
    assert "cells[drug]: 100" in str(found)
    assert set(found.expected) == {"control", "drug"}
    data = to_dataset(found)
    assert float(data["estimate"].sel(parameter="birth[drug]")) == found.estimates["birth[drug]"]


def test_times_starts_and_inputs_differ():
    """Decay from 100 at two times and from 60 at three, twice as fast there: the weighted regression on ln k."""
    k, late, early = 0.7, np.array([0.5, 1.5]), np.array([0.3, 0.6, 1.2])
    rng = np.random.default_rng(2)
    slow = 100 * np.exp(-k * late) + rng.normal(0, 0.5, 2)
    fast = 60 * np.exp(-2 * k * early) + rng.normal(0, 0.5, 3)

    def one(x0, times, means, factor):
        parameters = {"base": Free(0.5), "factor": Fixed(factor), "k": Derived.product("base", "factor")}
        data = losses.TimeSeries(times, {"A": means}, {"A": 0.5})
        return Problem(DECAY, {"A": x0}, data, parameters, source=MasterEquation())

    joint = Conditions({"slow": one(100, late, slow, 1.0), "fast": one(60, early, fast, 2.0)})
    assert set(joint.parameters) == {"base", "factor[slow]", "factor[fast]", "k[slow]", "k[fast]"}
    found = fit(joint)
    at = found.estimates["base"]
    slopes = np.append(-100 * late * np.exp(-at * late), -120 * early * np.exp(-2 * at * early))
    residuals = np.append(100 * np.exp(-at * late) - slow, 60 * np.exp(-2 * at * early) - fast)
    assert abs(slopes @ residuals) < 1e-3 * np.linalg.norm(slopes) * np.linalg.norm(residuals)
    assert found.standard_errors["base"] == pytest.approx(0.5 / np.linalg.norm(slopes), rel=1e-3)
    assert found.estimates["k[fast]"] == pytest.approx(2 * at)


def test_free_in_one_and_fixed_in_another():
    one, other = steady(CONTROL, death=Free(1.1)), steady(DRUG, death=Fixed(1.0))
    joint = Conditions({"a": one, "b": other})
    assert joint.free == ("birth", "death")
    assert "death[b]" in joint.parameters
    found = fit(joint)
    assert found.estimates["birth"] == pytest.approx(DRUG.mean(), rel=1e-3)
    assert found.estimates["birth"] / found.estimates["death"] == pytest.approx(CONTROL.mean(), rel=1e-3)


def test_gradient_and_information_are_sums():
    """Gradient against differences of the loss; the information of two Poisson means, on the logarithmic scale."""
    joint = both(["birth"])
    with jax.enable_x64(True):
        u = np.log([11.0, 16.0])
        found = joint.evaluate(u, None)
        for i in range(2):
            step = 1e-4 * np.eye(2)[i]
            up, down = joint.evaluate(u + step, None).loss, joint.evaluate(u - step, None).loss
            assert found.gradient[i] == pytest.approx((up - down) / 2e-4, rel=1e-4)
        np.testing.assert_allclose(found.information, np.diag([200 * 11.0, 100 * 16.0]), rtol=1e-4)
        rows = joint.whitened(found.expected, found.jacobian, joint.paths(1))
        np.testing.assert_allclose(rows[0].T @ rows[0], found.information, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mixed", [False, True])
def test_by_simulation(mixed):
    """4 standard errors of the simulation, two numbers: one false alarm in 8,000."""
    first, second = steady(CONTROL, SMALL), steady(DRUG, EXACT if mixed else SMALL)
    found = fit(Conditions({"control": first, "drug": second}, ["birth"]), key=0)
    for name, counts in {"birth[control]": CONTROL, "birth[drug]": DRUG}.items():
        noise = max(found.simulation_errors[name], 1e-3)
        assert abs(found.estimates[name] - counts.mean()) < 4 * noise
        assert found.standard_errors[name] == pytest.approx(np.sqrt(counts.mean() / len(counts)), rel=0.2)
    evaluations = len(found.history.loss) + found.provenance["final"]
    assert found.paths == pytest.approx((1 if mixed else 2) * 1600 * evaluations) or mixed


def test_each_condition_has_an_estimator_of_its_own():
    """Means of 100 exp(-k t) with another k in each, by the automatic choice: 4 standard errors of the simulation."""
    times, rates = np.array([0.5, 1.5]), {"slow": 0.6, "fast": 1.1}
    parts = {
        name: Problem(
            DECAY, {"A": 100}, losses.TimeSeries(times, {"A": 100 * np.exp(-k * times)}, {"A": 2.0}), {"k": Free(0.8)},
            source=SMALL,
        )
        for name, k in rates.items()
    }  # fmt: skip
    found = fit(Conditions(parts, ["k"]), key=3)
    for name, k in rates.items():
        own = f"k[{name}]"
        assert abs(found.estimates[own] - k) < 4 * found.simulation_errors[own] + 0.002
        slopes = 100 * times * np.exp(-k * times)
        assert found.standard_errors[own] == pytest.approx(2 / np.linalg.norm(slopes), rel=0.1)
    evaluations = len(found.history.loss) + found.provenance["final"]
    assert found.paths >= 2 * 1600 * evaluations


def test_noise_of_the_gradient_is_that_over_keys():
    """100 evaluations at one point: the mean squared error matches the variance, to 5 sigma of a chi-squared law."""
    joint = both(["birth"], Simulation(paths=64, batches=8))
    u = jnp.log(jnp.array([10.0, 14.0]))
    found = [joint.evaluate(u, jax.random.key(i)) for i in range(100)]
    gradients = np.array([e.gradient for e in found])
    errors = np.array([e.gradient_error for e in found])
    np.testing.assert_allclose((errors**2).mean(0), gradients.var(0, ddof=1), rtol=0.75)
    assert abs(np.corrcoef(gradients.T)[0, 1]) < 0.5  # conditions have random numbers of their own


def test_what_noise_hides_the_master_equation_ends():
    noisy = Simulation(paths=64, batches=8)
    counts = np.repeat(np.arange(6, 20), 2000)
    data = losses.LogLikelihood("X", counts)
    parts = {
        c: Problem(
            MODEL.network, MODEL.x0, data, {"birth": Free(12.3), "death": Fixed(1.0)}, settle=100.0, source=noisy
        )
        for c in "ab"
    }
    found = fit(Conditions(parts), steps=4, final=4)
    assert found.doubts == {}
    assert found.estimates["birth"] == pytest.approx(12.5, rel=1e-4)
    assert found.standard_errors["birth"] == pytest.approx(np.sqrt(12.5 / 56_000), rel=1e-3)


def test_profile_of_a_shared_rate():
    """Twice the drop of a Poisson likelihood is 3.84 at both bounds."""
    joint, mean = both(), np.append(CONTROL, DRUG).mean()
    bound = profile(joint, "birth", [11.5, 12.5, mean, 13.5, 14.5])
    for end in (bound.lower, bound.upper):
        assert 2 * 300 * (end - mean - mean * np.log(end / mean)) == pytest.approx(3.84, rel=0.02)
    own = profile(both(["birth"]), "birth[drug]", [13.0, 14.5, DRUG.mean(), 15.5, 17.0])
    assert list(own.others) == ["birth[control]"]
    mean = DRUG.mean()
    assert 2 * 100 * (own.upper - mean - mean * np.log(own.upper / mean)) == pytest.approx(3.84, rel=0.02)


def test_what_does_not_fit_together_is_told():
    with pytest.raises(jumpax.InputError, match="at least two problems"):
        Conditions({"control": steady(CONTROL)})
    with pytest.raises(jumpax.InputError, match="own: unknown parameter 'brith'; known: birth, death"):
        both(["brith"])
    with pytest.raises(jumpax.InputError, match="'birth' is one parameter of all conditions"):
        Conditions({"a": steady(CONTROL), "b": steady(DRUG, birth=Free(2.0))})
    with pytest.raises(jumpax.InputError, match="one number of batches; these have 4, 8"):
        Conditions({"a": steady(CONTROL, SMALL), "b": steady(DRUG, Simulation(800, 4))})
    with pytest.raises(jumpax.InputError, match="unknown parameter 'birth'"):
        both(["birth"], derived={"twice": Derived(lambda birth: 2 * birth)})
    with pytest.raises(jumpax.InputError, match=r"the name 'drug\[1\]' has brackets"):
        Conditions({"a": steady(CONTROL), "drug[1]": steady(DRUG)})
    leaking = Conditions({"a": steady(CONTROL), "b": steady(DRUG, MasterEquation({"X": 12}))})
    with pytest.raises(jumpax.SimulationError, match="condition 'b'"):
        leaking.evaluate(np.log([12.0]), None)
    with pytest.raises(jumpax.InputError, match="unknown free parameter 'birth'"):
        both(["birth"]).starting({"birth": 3.0})
    with pytest.raises(jumpax.InputError, match="unknown free or fixed parameter 'x'"):
        both().fixing("x", 1.0)
