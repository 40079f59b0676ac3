"""Evaluations from paths at a point and about it: the last one knows what all near it have seen."""

import jax
import numpy as np

from jumpax import Free, MassAction, Network, Problem, Reaction, losses
from jumpax.inference import Simulation
from jumpax.inference.exploration import Responses, Scattered

TIMES = np.linspace(0.25, 3.0, 12)
NETWORK = Network([Reaction("0 -> X", MassAction("make")), Reaction("X -> 0", MassAction("lose"))])
TRUE = {"make": 20.0, "lose": 1.0}


def means(make, lose):
    return make / lose * (1 - np.exp(-lose * TIMES))


def evaluator(paths):
    boxes = {"make": Free.box(1.0, 1000.0), "lose": Free.box(0.01, 10.0)}
    loss = losses.TimeSeries(TIMES, {"X": means(**TRUE)}, {"X": 1.0}, paths=20)
    problem = Problem(NETWORK, {"X": 0}, loss, boxes, source=Simulation(exact=False))
    (responses,) = Responses(problem, 100_000, jax.random.key(20261201)).conditions
    return problem, Scattered(responses, 0.1 * np.eye(2), paths, np.random.default_rng(20261201))


def off(found, values, paths):
    """Largest deviation of the expected counts, which are of a Poisson law, in standard errors of so many paths."""
    exact = means(**values)
    return np.abs((np.ravel(found.expected) - exact) / np.sqrt(exact / paths)).max()


def test_the_last_evaluation_has_the_paths_of_all_at_its_point():
    """4 standard errors at 12 correlated times: a false alarm in 1,300 at most."""
    problem, ask = evaluator(640)
    u = problem.structure.unconstrained(TRUE, problem.numbers)
    found = [ask(problem, u) for _ in range(16)]
    assert ask.level == ask.asked == 16 * 320
    assert off(found[-1], TRUE, ask.level) < 4
    errors = [float(np.sqrt(np.mean(np.square(one.gradient_error)))) for one in (found[0], found[-1])]
    assert errors[1] < errors[0] / 2  # a fourth, and the noise of eight batches


def test_evaluations_at_points_near_by_are_moved_along_the_slopes_and_others_left():
    """4.5 standard errors, of which the error of the slopes, over this distance, takes 3 %: a false alarm in 10,000."""
    problem, ask = evaluator(1600)
    u = problem.structure.unconstrained(TRUE, problem.numbers)
    near, far = u + np.array([0.05, -0.05]), u + np.array([0.3, 0.3])
    ask(problem, u)
    found = ask(problem, near)
    assert ask.level == 2 * 800
    values = {name: float(value) for name, value in problem.values(near).items()}
    assert off(found, values, ask.level) < 4.5
    ask(problem, far)
    assert ask.level == 800
