"""Fits against closed forms: immigration and death, whose law is Poisson, and decay."""

import warnings

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jumpax
from jumpax.gradients import Choice
from jumpax.inference import (
    Derived,
    Fixed,
    Free,
    MasterEquation,
    Problem,
    SignalToNoise,
    Simulation,
    fit,
    losses,
    natural_gradient,
)

MODEL = jumpax.zoo.birth_death()
COUNTS = np.random.default_rng(1).poisson(12.0, 300)
SMALL = Simulation(paths=2000, batches=8)


def steady(loss=None, source=SMALL, start=5.0):
    parameters = {"birth": Free(start), "death": Fixed(1.0), "mean": Derived.ratio("birth", "death")}
    data = losses.LogLikelihood("X", COUNTS) if loss is None else loss
    return Problem(MODEL.network, MODEL.x0, data, parameters, settle=8.0, source=source)


@pytest.fixture(scope="module")
def poisson_fit():
    return fit(steady(), key=0)


def test_the_most_likely_rate_is_the_mean_count(poisson_fit):
    """Two sided, 4 sigma of the simulation: one false alarm in 16,000."""
    assert poisson_fit.converged
    z = (poisson_fit.estimates["birth"] - COUNTS.mean()) / poisson_fit.simulation_errors["birth"]
    assert abs(z) < 4
    assert poisson_fit.simulation_errors["birth"] < poisson_fit.standard_errors["birth"]


def test_standard_error_is_that_of_the_fisher_information(poisson_fit):
    """sqrt(mean / cells); eight evaluations of 2,000 paths know it to a few per cent."""
    expected = np.sqrt(COUNTS.mean() / len(COUNTS))
    assert poisson_fit.standard_errors["birth"] == pytest.approx(expected, rel=0.15)
    assert poisson_fit.standard_errors["mean"] == pytest.approx(poisson_fit.standard_errors["birth"], rel=1e-4)
    assert poisson_fit.standard_errors["death"] == 0
    low, high = poisson_fit.intervals["birth"]
    assert low < COUNTS.mean() < high


def test_the_loss_is_minus_the_log_likelihood(poisson_fit):
    exact = fit(steady(source=MasterEquation({"X": 60})))
    assert exact.estimates["birth"] == pytest.approx(COUNTS.mean(), rel=1e-3)
    assert exact.standard_errors["birth"] == pytest.approx(np.sqrt(COUNTS.mean() / len(COUNTS)), rel=1e-3)
    bins, paths = 25, 8 * 2000
    bias = len(COUNTS) * bins / (2 * paths)
    assert abs(poisson_fit.loss - exact.loss) < 5 * poisson_fit.loss_error + 2 * bias


def test_the_same_key_gives_the_same_fit(poisson_fit):
    again = fit(steady(), key=0)
    assert again.estimates == poisson_fit.estimates
    assert fit(steady(), key=1).estimates != poisson_fit.estimates


def test_history_and_provenance_tell_what_happened(poisson_fit):
    history = poisson_fit.history
    steps = len(history.loss)
    assert history.values[0, 0] == pytest.approx(5.0, rel=1e-5)
    assert history.gradient.shape == history.gradient_error.shape == (steps, 1)
    assert (history.gradient_error > 0).all()
    assert (history.loss_error > 0).all()
    assert poisson_fit.paths == 2000 * (steps + poisson_fit.provenance["final"])
    assert 8 <= poisson_fit.provenance["final"] <= 8 + steps
    assert poisson_fit.provenance["network_digest"] == MODEL.network.digest
    assert "optax" in poisson_fit.provenance["versions"]
    assert "birth" in str(poisson_fit)
    assert poisson_fit.to_dict()["estimates"]["birth"] == poisson_fit.estimates["birth"]
    assert poisson_fit.notes["cells"] == len(COUNTS)


def test_gradient_errors_cover_the_spread_over_keys():
    """200 evaluations at one point: the mean squared error matches the variance, to 5 sigma of a chi-squared law."""
    problem = steady(source=Simulation(paths=64, batches=8))
    found = [problem.evaluate(jnp.log(jnp.array([10.0])), _key(i)) for i in range(200)]
    gradients = np.array([e.gradient[0] for e in found])
    errors = np.array([e.gradient_error[0] for e in found])
    assert np.mean(errors**2) == pytest.approx(gradients.var(ddof=1), rel=0.6)


def _key(number):
    import jax

    return jax.random.key(number)


def test_any_optax_optimiser_will_do():
    stopping = SignalToNoise(window=20, after=80)
    found = fit(steady(), optimiser=optax.adam(0.1), stopping=stopping, average=20, key=2)
    assert abs(found.estimates["birth"] - COUNTS.mean()) < 4 * found.simulation_errors["birth"] + 0.1
    assert found.converged


def test_several_starts_agree_and_the_best_is_told():
    found = fit(steady(), starts=[{"birth": 3.0}, {"birth": 40.0}], key=3)
    ends = [run.end["birth"] for run in found.runs]
    assert [run.start["birth"] for run in found.runs] == pytest.approx([3.0, 40.0], rel=1e-5)
    assert abs(ends[0] - ends[1]) < 4 * np.sqrt(2) * found.simulation_errors["birth"]
    assert found.best == int(np.argmin([run.loss for run in found.runs]))
    drawn = fit(steady(source=MasterEquation({"X": 60})), starts=3)
    assert len({round(run.start["birth"], 3) for run in drawn.runs}) == 3
    assert [run.end["birth"] for run in drawn.runs] == pytest.approx([COUNTS.mean()] * 3, rel=1e-3)


def test_moments_find_the_same_mean():
    found = fit(steady(losses.MomentMatch("X", COUNTS, order=1)), key=4)
    assert abs(found.estimates["birth"] - COUNTS.mean()) < 4 * found.simulation_errors["birth"]
    expected = np.sqrt(COUNTS.var(ddof=1) / len(COUNTS))
    assert found.standard_errors["birth"] == pytest.approx(expected, rel=0.15)


def test_a_time_series_of_means_gives_back_a_decay_rate():
    """Means of 100 exp(-k t) without noise; the error of k is that of the weighted regression."""
    decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
    times, k = np.array([0.5, 1.0, 2.0]), 0.8
    data = losses.TimeSeries(times, {"A": 100 * np.exp(-k * times)}, {"A": 2.0})
    found = fit(Problem(decay, {"A": 100}, data, {"k": Free(0.3)}, source=SMALL), key=5)
    slopes = -100 * times * np.exp(-k * times)
    assert abs(found.estimates["k"] - k) < 4 * found.simulation_errors["k"] + 0.002
    assert found.standard_errors["k"] == pytest.approx(1 / np.sqrt((slopes**2).sum() / 4), rel=0.1)


def test_starts_that_cannot_be_followed_are_left_out():
    """Above k = 30 the rate of gain is negative; the other start is a fit as usual. Poisson counts around k."""
    reactions = [
        jumpax.Reaction("0 -> X", lambda k: jnp.where(k > 30.0, -1.0, k)), jumpax.Reaction("X -> 0", lambda X: 1.0 * X)
    ]  # fmt: skip
    problem = Problem(
        jumpax.Network(reactions), {"X": 0}, losses.MomentMatch("X", COUNTS, order=1), {"k": Free(11.0)}, settle=8.0,
        source=Simulation(1600, 8, jumpax.ScoreFunction()),
    )  # fmt: skip
    with pytest.warns(jumpax.JumpaxWarning, match="1 of 2 starts were given up: .* k = 50"):
        found = fit(problem, starts=[{"k": 50.0}, {"k": 11.0}], key=0)
    assert len(found.runs) == 1
    assert abs(found.estimates["k"] - COUNTS.mean()) < 4 * found.simulation_errors["k"]
    with pytest.raises(jumpax.SimulationError, match="k = 50"):
        fit(problem.starting({"k": 50.0}))


def test_control_c_keeps_what_was_reached():
    def press(told):
        if told.step == 5:
            raise KeyboardInterrupt

    found = fit(steady(), starts=3, progress=press, key=0)
    assert found.interrupted
    assert not found.converged
    assert len(found.runs) == 1
    assert len(found.history.loss) == 6
    assert abs(found.estimates["birth"] / COUNTS.mean() - 1) < 0.5
    assert "interrupted" in str(found)


def test_progress_tells_loss_noise_and_time(capsys):
    told = []
    fit(steady(), steps=3, progress=told.append)
    assert [t.step for t in told] == [0, 1, 2]
    assert all(t.gradient_error > 0 and t.loss > 0 and t.seconds_left >= 0 for t in told)
    found = fit(steady(), steps=3, progress=True)
    assert "s left" in capsys.readouterr().err
    assert not found.converged


@pytest.mark.fault(48)
def test_a_gradient_that_is_not_a_number_names_its_parameter():
    """Fault 48: the value is fine, the derivative of sqrt at 0 is not."""

    def birth(k, bad):
        return k + jnp.where(bad > 0, 0.0 * jnp.sqrt(bad - bad), 0.0)

    reactions = [jumpax.Reaction("0 -> X", birth), jumpax.Reaction("X -> 0", jumpax.MassAction("death"))]
    parameters = {"k": Free(12.0), "bad": Free(1.0), "death": Fixed(1.0)}
    problem = Problem(
        jumpax.Network(reactions), {"X": 0}, losses.LogLikelihood("X", COUNTS), parameters, settle=2.0, source=SMALL
    )
    with pytest.raises(jumpax.SimulationError, match="with respect to 'bad' is not a number at k = 12"):
        fit(problem, steps=2)


@pytest.mark.fault(3)
def test_faulty_paths_are_told():
    """A propensity below 0 for large counts."""
    reactions = [jumpax.Reaction("0 -> X", lambda X, k: k * (6.0 - X)), jumpax.Reaction("X -> 0", lambda X: 0.1 * X)]
    problem = Problem(
        jumpax.Network(reactions), {"X": 9}, losses.LogLikelihood("X", [3, 4]), {"k": Free(1.0)}, settle=2.0, source=SMALL
    )  # fmt: skip
    with pytest.raises(jumpax.SimulationError, match="k = 1"):
        fit(problem, steps=2)


def noisy(exact):
    """The score of a late time, few paths, many cells: an eigenvalue of 168,000 in noise of its own size."""
    data = losses.LogLikelihood("X", np.repeat(np.arange(6, 20), 2000))
    parameters = {"birth": Free(12.3), "death": Fixed(1.0)}
    source = Simulation(paths=64, batches=8, exact=exact)
    return Problem(MODEL.network, MODEL.x0, data, parameters, settle=100.0, source=source)


@pytest.mark.fault(49)
def test_noise_is_told_as_noise():
    """Not as parameters that the data do not determine; and nothing in the result is made from what is not known."""
    with pytest.warns(jumpax.JumpaxWarning, match="paths are too few|simulation error of birth exceeds") as told:
        found = fit(noisy(exact=False), steps=4, final=4, key=0)
    assert found.undetermined == ()
    assert [str(w.message) for w in told] == list(found.doubts.values())
    assert not found.converged
    text = str(found)
    assert "not determined" not in text
    assert "not converged" in text
    if found.unresolved:
        assert "not resolved" in text
        assert found.to_dict()["standard_errors"]["birth"] is None
        assert found.to_dict()["intervals"]["birth"] == [None, None]
    else:
        assert found.simulation_errors["birth"] > found.standard_errors["birth"]


def test_the_master_equation_ends_what_noise_hides():
    """The most likely rate is the mean count, 12.5, with a standard error of sqrt(mean / cells)."""
    found = fit(noisy(exact=True), steps=4, final=4, key=0)
    assert found.doubts == {}
    assert found.estimates["birth"] == pytest.approx(12.5, rel=1e-4)
    assert found.standard_errors["birth"] == pytest.approx(np.sqrt(12.5 / 28_000), rel=1e-3)


def test_what_the_data_do_not_determine_is_named():
    """At steady state only the ratio of the two rates matters."""
    parameters = {"birth": Free(10.0), "death": Free(1.0), "mean": Derived.ratio("birth", "death")}
    data = losses.LogLikelihood("X", COUNTS)
    problem = Problem(MODEL.network, MODEL.x0, data, parameters, settle=8.0, source=MasterEquation({"X": 80}))
    with pytest.warns(
        jumpax.JumpaxWarning, match="do not determine birth, death.*They do determine birth / death to 1.7 %"
    ):
        found = fit(problem)
    assert found.undetermined == ("birth", "death")
    assert found.intervals["birth"] == (0.0, np.inf)
    assert found.to_dict()["intervals"]["birth"] == [0.0, None]
    assert found.to_dict()["determined"][0]["name"] == "birth / death"
    assert found.converged  # the loss is at its least all along that line
    assert np.isinf(found.standard_errors["birth"])
    assert found.standard_errors["mean"] == pytest.approx(np.sqrt(COUNTS.mean() / len(COUNTS)), rel=1e-2)
    assert found.to_dict()["standard_errors"]["birth"] is None
    assert "not determined" in str(found)


@pytest.mark.fault(51)
def test_cells_that_no_path_reached_are_counted():
    """Fault 51, from the fit's side."""
    data = losses.LogLikelihood("X", [*COUNTS[COUNTS < 20], 60])
    found = fit(steady(data), steps=10, key=0)
    assert found.notes["unreached_cells"] == 1
    assert found.notes["unreached_counts"] == [60]
    assert "unreached cells: 1" in str(found)


def test_wrong_settings_are_refused():
    with pytest.raises(jumpax.InputError, match="average must be 1 or more"):
        fit(steady(), average=0)
    with pytest.raises(jumpax.InputError, match="nothing to fit"):
        fit(steady().fixing("birth", 3.0))
    with pytest.raises(jumpax.InputError, match="unknown free parameter 'death'"):
        fit(steady(), starts=[{"death": 2.0}])
    with pytest.raises(jumpax.InputError, match="2 batches"):
        Simulation(paths=100, batches=1)


def test_no_warning_from_an_ordinary_fit():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(steady(), steps=3, optimiser=natural_gradient())


def test_steps_of_few_paths_earn_their_choices(monkeypatch):
    choices = []

    def choose(self, sampling, wrt, theta, *rest):
        choices.append(Choice(jumpax.ScoreFunction(), "to test", dict(theta), wrt, paths=900))
        return choices[-1]

    monkeypatch.setattr(jumpax.Automatic, "choose", choose)
    model = jumpax.zoo.birth_death()
    data = losses.TimeSeries([0.5, 1.0], {"X": [9.0, 14.0]}, {"X": [1.0, 1.0]})
    # so far away that the choice is stale after each of the first steps
    parameters = {"birth": Free(2.0), "death": Free(6.0)}
    problem = Problem(model.network, {"X": 0}, data, parameters, source=Simulation(paths=64, batches=2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)  # such fits may be noisy
        found = fit(problem, key=0, steps=30, final=2)
    evaluations = len(found.runs[0].history.loss) + found.provenance["final"]
    assert found.paths == 64 * evaluations + 900 * len(choices)
    # the second one comes after 1,800 paths, or 29 evaluations, at the earliest, the next after 3,600
    assert len(choices) <= 1 + evaluations // 29
