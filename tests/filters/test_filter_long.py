"""Larger problems against the forward filter of the master equation.

Each z test has a false-alarm rate of 9e-5 (|z| < 4 by Student's t with 199 degrees, the mean of 200 chains taken as normal), and a seed
that was chosen before. There are five of them.
"""

import numpy as np
import pytest
from forward_filter import boxed, log_likelihood, z_of_mean
from scipy.stats import norm, poisson

import jumpax
from jumpax import MassAction, Network, Reaction, Records
from jumpax.filters import particle_filter
from jumpax.records import Normal, Poisson

pytestmark = pytest.mark.long
CHAINS = 200


@pytest.mark.parametrize("particles", [25, 200])
def test_lotka_volterra_with_both_species_seen(particles):
    """On 0 to 40 of each; at these numbers less than 1e-9 of probability leaves."""
    b, p, d, sd = 0.8, 0.1, 0.6, 2.0
    network = Network(
        [
            Reaction("prey -> 2 prey", MassAction("b")),
            Reaction("prey + predator -> 2 predator", MassAction("p")),
            Reaction("predator -> 0", MassAction("d")),
        ]
    )
    times = np.array([0.5, 1.0, 1.5, 2.0])
    prey, predator = np.array([7.0, 8.5, 3.0, 6.5]), np.array([7.0, 4.5, 8.0, 7.5])
    states = boxed(40, 40)
    x, y = np.array(states).T
    reactions = [
        ((1, 0), lambda x, y: b * x),
        ((-1, 1), lambda x, y: p * x * y),
        ((0, -1), lambda x, y: d * y),
    ]
    start = poisson.pmf(x, 6.0) * poisson.pmf(y, 6.0)
    densities = [norm.pdf(u, x, sd) * norm.pdf(v, y, sd) for u, v in zip(prey, predator, strict=True)]
    judge = log_likelihood(states, reactions, start, times, densities)
    trace = Records(times, {"prey": prey, "predator": predator}, Normal("sd"))
    theta = {name: np.full(CHAINS, value) for name, value in {"b": b, "p": p, "d": d, "sd": sd}.items()}
    law = jumpax.Poisson(6.0)
    run = particle_filter(network, trace, theta, {"prey": law, "predator": law}, particles=particles, key=21)
    assert abs(z_of_mean(run.log_likelihood[:, 0], judge)) < 4
    assert abs(np.sqrt((run.standard_error**2).mean()) / run.log_likelihood.std(ddof=1) - 1) < 0.2


def test_prevalence_of_an_epidemic():
    """30 people, Poisson records of those who are ill, and the gradient with respect to both rates."""
    people, theta = 30, {"beta": 0.08, "gamma": 0.5}
    network = Network([Reaction("S + I -> 2 I", MassAction("beta")), Reaction("I -> R", MassAction("gamma"))])
    times, ill = np.array([1.0, 2.0, 3.0, 4.0, 6.0]), np.array([5, 11, 10, 9, 4])
    states = [(s, i) for s, i in boxed(people, people) if s + i <= people]
    now = np.array([i for _, i in states])

    def judge(**given):
        rates = {**theta, **given}
        reactions = [((-1, 1), lambda s, i: rates["beta"] * s * i), ((0, -1), lambda s, i: rates["gamma"] * i)]
        start = [float(state == (people - 2, 2)) for state in states]
        return log_likelihood(states, reactions, start, times, [poisson.pmf(y, 1.0 * now) for y in ill])

    trace = Records(times, {"I": ill}, Poisson())
    chains = {name: np.full(CHAINS, value) for name, value in theta.items()}
    x0 = {"S": people - 2, "I": 2, "R": 0}
    run = particle_filter(network, trace, chains, x0, particles=1000, key=22, gradient=tuple(theta))
    assert abs(z_of_mean(run.log_likelihood[:, 0], judge())) < 4
    for name, value in theta.items():
        step = 1e-4 * value
        slope = (judge(**{name: value + step}) - judge(**{name: value - step})) / (2 * step)
        gradient = run.gradient[name][:, 0]
        assert abs(gradient.mean() - slope) < 4 * gradient.std(ddof=1) / np.sqrt(CHAINS)
