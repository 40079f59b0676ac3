"""Fits with a budget: boxes are searched as a whole, and the answer is that of the master equation."""

import dataclasses
import json
import warnings

import jax
import numpy as np
import pytest

import jumpax
from jumpax.inference import Fixed, Free, MasterEquation, Problem, Simulation, fit, losses, searched
from jumpax.inference.exploration import Plain, Responses

TIMES = np.linspace(0.5, 6.0, 8)
NETWORK = jumpax.Network(
    [jumpax.Reaction("0 -> X", jumpax.MassAction("birth")), jumpax.Reaction("X -> 0", jumpax.MassAction("death"))]
)
TRUE = {"birth": 20.0, "death": 0.7}
BOXES = {"birth": Free.box(0.1, 1000.0), "death": Free.box(0.01, 100.0)}
ONLY_PATHS = Simulation(exact=False, mean_field=False)


def means(theta, cells=400):
    """Data without noise: the count is Poisson, with this mean."""
    mean = theta["birth"] / theta["death"] * (1 - np.exp(-theta["death"] * TIMES))
    return losses.TimeSeries(TIMES.tolist(), {"X": mean}, {"X": np.sqrt(mean / cells)}, paths=cells)


def problem(loss=None, boxes=BOXES, source=ONLY_PATHS):
    return Problem(NETWORK, {"X": 0}, means(TRUE) if loss is None else loss, boxes, source=source)


@pytest.fixture(scope="module")
def found():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        return [fit(problem(), budget=4000, key=key) for key in range(3)]


def test_the_answer_is_found_in_a_box_of_four_decades(found):
    """Data are exact, so that the answer is the truth; 4 simulation errors: false alarms of all six, 4e-4."""
    for result in found:
        for name, true in TRUE.items():
            assert abs(result.estimates[name] - true) < 4 * result.simulation_errors[name]
            assert result.simulation_errors[name] < 0.1 * true
        assert result.search.explained
        assert result.search.misfit < 1


def test_the_budget_is_kept_and_the_trace_leads_to_the_answer(found):
    for result in found:
        search = result.search
        assert search.budget == 4000
        assert 3000 < result.paths <= 4000
        assert search.paths[-1] == result.paths
        assert (np.diff(search.paths) >= 0).all()
        assert search.values.shape == (len(search.paths), 2)
        np.testing.assert_allclose(search.values[-1], [result.estimates[n] for n in result.free], rtol=1e-4)
        text = json.loads(json.dumps(result.to_dict()))["search"]
        assert text["trace"][-1]["paths"] == result.paths
        assert text["candidates"] == search.candidates >= 2


def test_standard_errors_are_those_of_the_master_equation(found):
    exact = problem(boxes={n: Free(v) for n, v in TRUE.items()}, source=MasterEquation({"X": 80}))
    known = fit(exact)
    for result in found:
        for name in TRUE:
            assert result.standard_errors[name] == pytest.approx(known.standard_errors[name], rel=0.25)


def test_the_same_key_gives_the_same_fit(found):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        again = fit(problem(), budget=4000, key=1)
    assert again.estimates == found[1].estimates
    assert again.search.paths.tolist() == found[1].search.paths.tolist()


def test_the_master_equation_may_end_the_search():
    """Where the paths leave the answer in doubt, as they do with so few."""
    ended = fit(problem(source=Simulation(mean_field=False)), budget=2000, key=5)
    assert "end of the search" in ended.notes
    assert ended.estimates["birth"] == pytest.approx(20.0, rel=1e-3)
    assert ended.simulation_errors["birth"] == 0
    assert ended.converged


def test_cells_are_searched_by_their_moments_and_fitted_by_their_law():
    cells = np.random.default_rng(20261129).poisson(12.0, 300)
    boxes = {"birth": Free.box(0.1, 1000.0), "death": Fixed(1.0)}
    one = Problem(NETWORK, {"X": 0}, losses.LogLikelihood("X", cells), boxes, settle=8.0, source=ONLY_PATHS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        result = fit(one, budget=4000, key=3)
    error = np.hypot(result.simulation_errors["birth"], 0.02)  # smoothing with 5 paths moves it a little
    assert abs(result.estimates["birth"] - cells.mean()) < 4 * error
    assert result.standard_errors["birth"] == pytest.approx(np.sqrt(cells.mean() / 300), rel=0.3)


def test_a_model_that_cannot_explain_the_data_says_so():
    """Means that fall after they have risen: no birth and death do that."""
    mean = 20 * TIMES * np.exp(-TIMES)
    loss = losses.TimeSeries(TIMES.tolist(), {"X": mean}, {"X": 0.05}, paths=400)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = fit(problem(loss), budget=2000, key=0)
    assert any("the data are not explained" in str(one.message) for one in told)
    assert not result.search.explained
    assert not result.converged
    assert "unexplained" in result.doubts


@pytest.mark.parametrize("wider", [1, 2])
def test_deviations_count_as_means_do(wider):
    """Means that the model explains, with deviations of its Poisson law, or twice as large: no birth and death has these."""
    mean = means(TRUE).measured[:, 0]
    loss = losses.means_and_deviations(TIMES.tolist(), {"X": mean}, {"X": wider * np.sqrt(mean)}, cells=400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        result = fit(problem(loss), budget=4000, key=0)
    assert result.search.explained == (wider == 1)
    assert ("unexplained" in result.doubts) == (wider == 2)
    if wider == 1:
        for name, true in TRUE.items():
            assert abs(result.estimates[name] - true) < 4 * result.simulation_errors[name]


def test_squares_about_the_mean_are_the_loss_of_deviations_near_by():
    """To second order: residuals of the deviation itself, and of the square about the mean, at a deviation off by 1 %."""
    loss = losses.Deviations([1.0], {"X": [3.0]}, {"X": 0.1}, means={"X": [9.0]})
    moments = np.array([[[9.0, 81.0 + 3.03**2]]])
    assert float(loss.residuals(moments)[0, 0]) == pytest.approx(0.3, rel=0.01)
    with pytest.raises(jumpax.InputError, match="the means of 'X' are missing"):
        losses.Deviations([1.0], {"X": [3.0]}, {"X": 0.1}, means={"Y": [9.0]})
    for errors, message in (([0.1, 0.2], "got shape"), ("x", "must be numbers")):
        with pytest.raises(jumpax.InputError, match=message):
            losses.Deviations([1.0], {"X": [3.0]}, {"X": errors})
        with pytest.raises(jumpax.InputError, match=message):
            losses.TimeSeries([1.0], {"X": [3.0]}, {"X": errors})
    with pytest.raises(jumpax.InputError, match="one mean of 'X' at each of the 1 times"):
        losses.Deviations([1.0], {"X": [3.0]}, {"X": 0.1}, means={"X": [9.0, 8.0]})


def test_places_that_explode_are_counted_and_left():
    growth = jumpax.Network(
        [jumpax.Reaction("X -> 2 X", jumpax.MassAction("birth")), jumpax.Reaction("X -> 0", jumpax.MassAction("death"))]
    )
    mean = 10 * np.exp(0.2 * TIMES)
    loss = losses.TimeSeries(TIMES.tolist(), {"X": mean}, {"X": 0.05 * mean}, paths=400)
    boxes = {"birth": Free.box(0.01, 100.0), "death": Fixed(0.5)}
    source = dataclasses.replace(ONLY_PATHS, max_events=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        result = fit(Problem(growth, {"X": 10}, loss, boxes, source=source), budget=4000, key=0)
    assert result.search.lost > 0
    assert abs(result.estimates["birth"] - 0.7) < 4 * np.hypot(result.simulation_errors["birth"], 0.01)


def test_where_nothing_can_be_followed_the_fit_says_so():
    growth = jumpax.Network([jumpax.Reaction("X -> 2 X", jumpax.MassAction("birth"))])
    loss = losses.TimeSeries([5.0], {"X": [100.0]}, {"X": 1.0}, paths=400)
    boxes = {"birth": Free.box(10.0, 1000.0)}
    source = dataclasses.replace(ONLY_PATHS, max_events=1000)
    with pytest.raises(jumpax.SimulationError, match="could be followed for 1,000 events"):
        fit(Problem(growth, {"X": 10}, loss, boxes, source=source), budget=2000, key=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 0}, "budget must be a whole number of paths"),
        ({"budget": 2.5e3}, "budget must be a whole number of paths"),
        ({"budget": 2000, "stopping": jumpax.inference.SmallSteps()}, "leave out stopping"),
        ({"budget": 2000, "steps": 50, "average": 10, "final": 4}, "leave out steps and average and final"),
        ({"budget": 2000, "starts": 3}, "leave out starts .points to follow may be given"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(jumpax.InputError, match=message):
        fit(problem(), **change)


def quiet(*args, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        return fit(*args, **settings)


def test_progress_is_told():
    told = []
    result = quiet(problem(), budget=2000, key=0, progress=told.append)
    paths = [one.paths for one in told]
    assert paths == sorted(paths)
    assert 0 < paths[0] < paths[-1] <= 2000
    assert set(told[-1].values) == {"birth", "death"}
    assert "of 2,000 paths" in str(told[0])
    assert np.isfinite(result.history.loss).sum() == result.provenance["final"]  # nothing but losses of the problem


@pytest.mark.parametrize("after", [0, 1300])
def test_what_is_known_when_it_is_interrupted_is_kept(after):
    """In the search, and in the evaluations at its end."""
    told = []

    def interrupt(progress):
        told.append(progress)
        if progress.paths > after and len(told) < 100:
            told.extend([progress] * 100)
            raise KeyboardInterrupt

    result = quiet(problem(), budget=2000, key=0, progress=interrupt)
    assert result.interrupted
    assert not result.converged
    assert result.reason == "interrupted"
    assert np.isfinite(list(result.estimates.values())).all()
    assert result.paths < 2000


def test_an_estimate_that_goes_on_moving_has_not_converged(monkeypatch):
    original = searched.estimate

    def far(*args):
        ending, _ = original(*args)
        return ending, 10 * (1 + ending.loudness)

    monkeypatch.setattr(searched, "estimate", far)
    result = quiet(problem(), budget=4000, key=0)
    assert not result.converged
    assert not result.runs[0].stopped
    assert "the budget was used" in result.reason
    assert "standard errors long" in result.doubts["distance"]


def test_paths_that_are_lost_at_the_estimate_are_left_out_and_told():
    """A growing population, given up after about twice the usual number of events."""
    growth = jumpax.Network(
        [jumpax.Reaction("X -> 2 X", jumpax.MassAction("birth")), jumpax.Reaction("X -> 0", jumpax.MassAction("death"))]
    )
    mean = 10 * np.exp(0.2 * TIMES)
    loss = losses.TimeSeries(TIMES.tolist(), {"X": mean}, {"X": 0.05 * mean}, paths=400)
    source = dataclasses.replace(ONLY_PATHS, max_events=300)
    rates = {"birth": Free.box(0.2, 2.0), "death": Fixed(0.5)}
    result = quiet(Problem(growth, {"X": 10}, loss, rates, source=source), budget=2000, key=0)
    assert "could not be followed" in result.doubts["lost"]
    assert not result.converged
    assert result.estimates["birth"] == pytest.approx(0.7, abs=0.1)


def test_estimators_that_draw_more_paths_keep_the_budget():
    cells = np.random.default_rng(4).poisson(12.0, 300)
    one = Problem(
        NETWORK, {"X": 0}, losses.LogLikelihood("X", cells), BOXES, settle=8.0,
        source=Simulation(exact=False, gradient=jumpax.CoupledDifference()),
    )  # fmt: skip
    (responses,) = Responses(one, 1500, jax.random.key(0)).conditions
    plain = Plain(responses, np.eye(2), jax.random.key(1), 1500)
    plain(one, np.log([12.0, 1.0]))
    assert plain.paths == one.source.gradient.simulated(plain.level, ("birth", "death"))
    assert 0.8 * 1500 < 4 * plain.paths <= 1500
    wide = dataclasses.replace(
        one, source=dataclasses.replace(one.source, gradient=jumpax.CoupledDifference(richardson=True))
    )
    with pytest.raises(jumpax.InputError, match="CoupledDifference needs a budget of 1,152 paths"):
        fit(wide, budget=1100)


def test_what_a_budget_is_not_for_is_refused_by_name():
    exact = problem(boxes={n: Free(v) for n, v in TRUE.items()}, source=MasterEquation({"X": 80}))
    with pytest.raises(jumpax.UnsupportedError, match="MasterEquation draws none"):
        fit(exact, budget=2000)
    with pytest.raises(jumpax.UnsupportedError, match="not for TargetMoments"):
        fit(problem(losses.TargetMoments("X", 20.0, 4.0, times=[3.0])), budget=2000)
    alone = losses.Deviations(TIMES, {"X": np.sqrt(means(TRUE).measured[:, 0])}, {"X": 0.1})
    with pytest.raises(jumpax.UnsupportedError, match="not for Deviations of these data"):
        fit(problem(losses.Together(means(TRUE), alone)), budget=2000)


def test_boxes():
    box = Free.box(0.01, 100.0, unit="1/s")
    assert (box.value, box.scale, box.unit) == (1.0, "log_box", "1/s")
    for wrong in ((0.0, 1.0), (2.0, 1.0), (1.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(jumpax.InputError, match="two positive numbers"):
            Free.box(*wrong)
    with pytest.raises(jumpax.InputError, match="two positive, finite ones"):
        Free(1.0, 0.0, 2.0, logarithmic=True)
    made = problem()
    for values in ({"birth": 0.11, "death": 50.0}, TRUE):
        u = made.structure.unconstrained(values, made.numbers)
        back = made.values(u)
        assert float(back["birth"]) == pytest.approx(values["birth"], rel=1e-4)
        assert float(back["death"]) == pytest.approx(values["death"], rel=1e-4)


def test_an_answer_at_the_edge_of_its_box_does_not_stop_the_fit():
    """The truth lies beyond: places come so near the edge that numbers round to it."""
    boxes = {"birth": Free.box(0.1, 1000.0), "death": Free.box(2.0, 100.0)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        result = fit(problem(boxes=boxes), budget=4000, key=0)
    assert not result.search.explained
    assert result.estimates["death"] == pytest.approx(2.0, rel=0.2)
    assert "unexplained" in result.doubts
