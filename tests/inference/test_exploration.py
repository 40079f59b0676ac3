"""The parts of a search of boxes: points, intervals, planes, steps."""

import sys
from pathlib import Path

import numpy as np
import pytest

import jumpax
from jumpax.inference import Derived, Fixed, Free, Problem, Simulation, losses
from jumpax.inference.exploration.candidate import Candidate, downhill
from jumpax.inference.exploration.coordinates import first_points, near_points, units
from jumpax.inference.exploration.intervals import intervals
from jumpax.inference.exploration.scatter import Scatter
from jumpax.inference.exploration.surface import Surface, level, regress, squashed
from jumpax.inference.exploration.touches import touches

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))
ALL = np.ones((3, 2), bool)
"""Every entry may depend on both parameters."""


def three_kinds():
    model = jumpax.zoo.telegraph()
    rates = {"k_on": Free.box(0.01, 10.0), "k_off": Free(1.0), "k_tx": Free(0.5, 0.0, 1.0), "gamma": Fixed(1.0)}
    loss = losses.TimeSeries([1.0], {"M": [3.0]}, {"M": 0.1}, paths=100)
    return Problem(model.network, model.x0, loss, rates, source=Simulation(exact=False))


def test_first_points_fill_boxes_evenly_on_their_scale():
    """A Latin hypercube: one point in each tenth of each box."""
    problem = three_kinds()
    points = first_points(problem, 10, np.random.default_rng(0))
    values = [problem.values(u) for u in points]
    shares = np.array([np.log(float(v["k_on"]) / 0.01) / np.log(1000.0) for v in values])
    assert sorted((10 * shares).astype(int)) == list(range(10))
    assert sorted((10 * np.array([float(v["k_tx"]) for v in values])).astype(int)) == list(range(10))
    assert 0.5 < np.std([np.log(float(v["k_off"])) for v in values]) < 4


def test_units_are_factors_e():
    problem = three_kinds()
    u = problem.structure.unconstrained({"k_on": 0.3, "k_off": 2.0, "k_tx": 0.2}, problem.numbers)
    step = 1e-3 * units(problem, u)
    before, after = problem.values(u), problem.values(u + step)
    assert np.log(float(after["k_on"]) / float(before["k_on"])) == pytest.approx(1e-3, rel=0.02)
    assert np.log(float(after["k_off"]) / float(before["k_off"])) == pytest.approx(1e-3, rel=0.02)


def test_points_near_a_centre_have_the_covariance_asked_for():
    """4,000 points: entries of the covariance to 4 standard errors of independent ones."""
    scale = np.array([[1.0, 0.0], [0.5, 0.2]])
    points = near_points(np.array([1.0, -2.0]), scale, 4000, np.random.default_rng(1))
    np.testing.assert_allclose(points.mean(0), [1.0, -2.0], atol=0.01)
    np.testing.assert_allclose(np.cov(points.T), scale @ scale.T, atol=4 * np.sqrt(2 / 4000))


@pytest.mark.parametrize("stops", [1, 7, 60, 301])
def test_intervals_take_every_stop_once_and_keep_the_noise(stops):
    matrix = intervals(stops)
    np.testing.assert_allclose((matrix > 0).sum(0), 1)
    np.testing.assert_allclose((matrix**2).sum(1), 1, rtol=1e-6)
    assert len(matrix) <= min(stops, 40)
    misfit = np.full(stops, 0.3)  # neighbours miss alike: nothing is lost
    assert ((matrix @ misfit) ** 2).sum() == pytest.approx((misfit**2).sum(), rel=1e-5)
    averages = matrix.T @ matrix
    np.testing.assert_allclose(averages @ averages, averages, atol=1e-6)
    np.testing.assert_allclose(averages @ misfit, misfit, rtol=1e-5)
    early = np.arange(min(stops, 4))
    np.testing.assert_allclose(averages[early][:, early], np.eye(len(early)), atol=1e-6)  # what is fast early on stays


def test_a_plane_is_found_exactly_and_noise_is_told():
    rng = np.random.default_rng(20261129)
    centre, scale = np.array([0.3, -1.0]), np.array([[0.5, 0.1], [0.0, 0.8]])
    points = near_points(centre, scale, 400, rng)
    slope, at = np.array([[1.0, 0.0, 2.0], [-1.0, 3.0, 0.5]]), np.array([2.0, 0.0, -1.0])
    exact = at + (points - centre) @ slope
    plane = regress(points, exact.astype(np.float32), centre, scale, ALL)
    np.testing.assert_allclose(plane.level, at, atol=0.02)  # the ridge leaves a trace
    np.testing.assert_allclose(plane.slope, scale.T @ slope, rtol=0.02, atol=0.02)
    noisy = exact + rng.normal(size=exact.shape) * np.array([1.0, 2.0, 3.0])
    noisy[:7] = np.nan  # paths that were lost
    found = regress(points, noisy.astype(np.float32), centre, scale, ALL)
    np.testing.assert_allclose(np.sqrt(found.variance), [1, 2, 3], rtol=0.2)  # 4 standard errors and more
    off = (found.level - at) / np.sqrt(found.variance * found.level_noise)
    assert np.abs(off).max() < 4
    assert regress(points[:3], exact[:3].astype(np.float32), centre, scale, ALL) is None


def test_a_slope_that_must_be_0_is_and_its_noise_is_not_counted():
    """Two entries, the second of which the first parameter cannot move; noise of slopes by 300 repetitions, to a quarter."""
    rng = np.random.default_rng(20261130)
    centre, scale = np.array([0.3, -1.0]), np.array([[0.5, 0.1], [0.0, 0.8]])
    touched = np.array([[True, True], [False, True]])
    slope = np.array([[1.0, 0.0], [-1.0, 3.0]])
    found = []
    for _ in range(300):
        points = near_points(centre, scale, 60, rng)
        residuals = (points - centre) @ slope + rng.normal(size=(60, 2))
        plane = regress(points, residuals.astype(np.float32), centre, scale, touched)
        found.append(np.linalg.solve(scale.T, plane.slope))
        np.testing.assert_allclose(found[-1][0, 1], 0, atol=1e-6)
    for entry in range(2):
        noise = plane.slope_noise(np.eye(2)[entry])  # of slopes in the scale of the centre
        measured = scale.T @ np.cov(np.array(found)[:, :, entry].T) @ scale
        np.testing.assert_allclose(np.trace(noise), np.trace(measured), rtol=0.25)
    np.testing.assert_allclose(np.mean(found, 0), slope, atol=0.15)  # the ridge shortens by a hundredth


CASCADE = jumpax.Network(
    [
        jumpax.Reaction(reaction, jumpax.MassAction(rate))
        for reaction, rate in {"0 -> M": "a", "M -> 0": "b", "M -> M + P": "c", "P -> 0": "d"}.items()
    ]
)


def _touched(parameters, x0=None, loss=None):
    one = {"M": [1.0, 2.0], "P": [3.0, 4.0]}
    loss = loss or losses.TimeSeries([1.0, 2.0], one, {"M": 0.5, "P": 0.5})
    return touches(Problem(CASCADE, x0 or {"M": 0, "P": 0}, loss, parameters)).tolist()


def test_messages_do_not_know_of_proteins():
    rates = dict.fromkeys("abcd", Free(1.0))
    assert _touched(rates) == [[True, True, False, False], [True, True, True, True]]
    # what is derived from a parameter, and the numbers of the start, move what they move
    tied = {"a": Fixed(1.0), "b": Derived(lambda c: 2 * c), "c": Free(1.0), "d": Free(1.0)}
    assert _touched(tied) == [[True, False], [True, True]]
    began = {"M": jumpax.Poisson("m"), "P": 0}
    assert _touched({**dict.fromkeys("abd", Fixed(1.0)), "c": Free(1.0), "m": Free(3.0)}, began) == [
        [False, True],
        [True, True],
    ]


def test_what_a_loss_does_not_tell_may_depend_on_all():
    windows = losses.WindowMeans([0.0, 1.0, 2.0], {"M": [1.0, 2.0]}, {"M": 0.5})
    assert _touched(dict.fromkeys("abcd", Free(1.0)), loss=windows) == [[True] * 4]


def test_the_loss_at_a_centre_is_free_of_the_noise_of_its_paths():
    """400 repetitions of a mean of 25: the average loss to 4 of its standard errors."""
    rng = np.random.default_rng(3)
    at = np.array([0.5, -0.2])
    found = [level((at + rng.normal(size=(25, 2))).astype(np.float32)).loss for _ in range(400)]
    assert abs(np.mean(found) - 0.5 * (at**2).sum()) < 4 * np.std(found) / 20


def test_a_step_goes_to_the_minimum_of_a_plane_but_not_far():
    rng = np.random.default_rng(5)
    points = rng.normal(size=(300, 2))
    answer = np.array([0.4, -0.7])
    residuals = 5 * (points - answer)
    near = regress(points, residuals.astype(np.float32), np.zeros(2), np.eye(2), ALL[:2])
    np.testing.assert_allclose(downhill(near), answer, atol=0.02)
    far = regress(points, (residuals + 100).astype(np.float32), np.zeros(2), np.eye(2), ALL[:2])
    assert np.abs(downhill(far)).max() <= 1.5


def test_squashing_leaves_small_residuals_and_keeps_signs():
    values = np.array([-1e6, -1e-3, 0.0, 1e-3, 1e6])
    made = squashed(values, np.full(5, 3.0))
    np.testing.assert_allclose(made[1:4], values[1:4], rtol=1e-3)
    assert made[0] == -made[-1]
    assert 30 < made[-1] < 50


def test_a_problem_of_the_collection_is_read_without_its_true_values():
    import stochbench

    folder = ROOT / "papers" / "stochbench" / "problems" / "Lin_PhysRevE2016"
    loaded = stochbench.load(folder, Simulation(exact=False, mean_field=False))
    assert loaded.problem.free == ("B", "r0", "r1", "K")
    assert loaded.budget == 20_000
    assert {n: loaded.problem.start_values[n] for n in ("B", "K")} == pytest.approx({"B": 1000**0.5, "K": 50_000**0.5})
    assert loaded.true.tolist() == [40.0, 0.0005555555555555556, 0.002777777777777778, 200.0]
    assert loaded.problem.loss.times == tuple(500.0 * i for i in range(1, 73))
    rows = [stochbench.summary("Lin_PhysRevE2016", [one(0.2, 500), one(0.05, 1500), one(0.9, None)], 4, 4)]
    assert (rows[0]["success"], rows[0]["tight"], rows[0]["median simulations to success"]) == (2, 1, 1500)
    assert (
        "| Lin_PhysRevE2016 | 4 (4) | 2 of 3 | 1 of 3 | 0.200 | 1,500 | 5 % of 20, 13,021 | 2.0 |"
        in stochbench.table(rows)
    )


def one(error, first):
    return {
        "error": error,
        "success": error < 0.3,
        "simulations_to_success": first,
        "simulations": 2000,
        "seconds": 2.0,
    }


def _paths(loss, variance=4.0, paths=100.0):
    """What so many paths give at a place whose loss is this: four entries of equal variance, of which all the misfit is in the first."""
    noise = np.full(4, variance)
    known = np.array([np.sqrt(2 * loss + noise.sum() / paths), 0.0, 0.0, 0.0])
    return Surface(known, np.zeros((0, 4)), noise, np.full(4, 1 / paths), (), paths)


def test_paths_that_scatter_widely_explain_nothing_by_it():
    """Four data whose errors stand for 4 paths: at the answer the loss is 2 on average, and no more than 4 where paths scatter more."""
    scatter = Scatter.of(np.full(4, 4.0))
    assert scatter == Scatter(4.0, 4.0)
    assert scatter.usual(_paths(0.0)) == pytest.approx(2.0)
    assert scatter.usual(_paths(0.0, 400.0)) == pytest.approx(4.0)
    assert scatter.explains(_paths(4.0))
    assert not scatter.explains(_paths(10.0))
    few, many = _paths(30.0, 400.0, 100.0), _paths(30.0, 400.0, 10_000.0)
    assert scatter.explains(few)
    assert not scatter.explains(many)
    assert not scatter.shows(few)  # it may be so
    assert scatter.shows(_paths(4.0))


def test_a_candidate_looks_nearer_where_the_response_bends():
    """Where paths with its own parameters lie further from the data than the plane through paths about it has promised."""
    made = Candidate(0, np.zeros(2), np.eye(2), 40, near=True, width=0.6)
    made.surface, made.best = _paths(1.0), made.centre
    made.judge(_paths(1.1))
    assert (made.width, made.surface is None) == (0.6, False)
    made.judge(_paths(9.0))
    assert (made.width, made.surface is None) == (0.3, True)
    np.testing.assert_array_equal(made.scale, np.eye(2) / 2)
    made.width = 0.15
    made.surface = _paths(1.0)
    made.judge(_paths(9.0))
    assert made.width == pytest.approx(0.1)
    assert made.exhausted
    made.judge(None)  # its paths cannot be followed
    assert made.fresh is None
