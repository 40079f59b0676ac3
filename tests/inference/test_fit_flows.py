"""A fit along continuous variables, against the optimum of the same loss in closed form."""

import numpy as np
from scipy import optimize

import jumpax
from jumpax import Fixed, Free, Network, Problem, Reaction
from jumpax.inference import Simulation


def test_a_rate_of_flow_is_estimated_as_by_the_closed_form():
    """Births at b V, V' = -g V: means are b (1 - exp(-g t)) / g. Of g; 4.5 standard errors of simulation: 7e-6."""
    times = np.array([0.5, 1.5, 4.0])

    def mean(g):
        return 15.0 * -np.expm1(-g * times) / g

    data = np.random.default_rng(20261201).poisson(mean(0.7), (200, 3))
    loss = jumpax.losses.MomentMatch("A", data.ravel(), np.tile(times, 200), order=1)
    network = Network([Reaction("0 -> A", lambda b, V: b * V)], flows={"V": lambda V, g: -g * V})
    numbers = {"b": Fixed(15.0), "V": Fixed(1.0), "g": Free(1.0)}
    problem = Problem(network, {"A": 0}, loss, numbers, source=Simulation(paths=400))
    found = jumpax.fit(problem, key=1, steps=20, average=5, final=4)
    error = data.std(0, ddof=1) / 200**0.5
    best = optimize.least_squares(lambda g: (mean(g[0]) - data.mean(0)) / error, [1.0])
    expected = 1 / float(np.sqrt((best.jac**2).sum()))
    assert abs(found.estimates["g"] - best.x[0]) < 4.5 * found.simulation_errors["g"]
    assert abs(found.standard_errors["g"] / expected - 1) < 0.25  # deviations of 200 cells are known to 5 % each
