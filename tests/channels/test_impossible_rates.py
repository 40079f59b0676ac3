"""Propensities that no chain has are refused, or give NaN inside transformations."""

import jax
import numpy as np
import pytest
import schemes

from jumpax import JumpaxWarning, Network, Reaction, SimulationError
from jumpax.channels import Dwells, dwell_density, dwell_log_likelihood, sampled_log_likelihood
from jumpax.exact import StateSpace

RECORD = Dwells([1e-3, 2e-3, 3e-3], [0, 1, 0])
VERBS = {
    "dwells": lambda space, theta: dwell_log_likelihood(space, theta, RECORD, {"O": 1}),
    "bursts": lambda space, theta: dwell_log_likelihood(space, theta, RECORD, {"O": 1}, start="entry", end="finished"),
    "missed": lambda space, theta: dwell_log_likelihood(space, theta, RECORD, {"O": 1}, 1e-4),
    "sampled": lambda space, theta: sampled_log_likelihood(space, theta, [0.1, 0.9], 1e-3, {"O": 1}, [0.0, 1.0], 0.2),
    "density": lambda space, theta: dwell_density(space, theta, 1, [1e-3], {"O": 1})[0],
}


def three_states():
    """A law that is negative where a voltage is low."""
    rates = [
        Reaction("C -> O", lambda C, up, v: up * v * C, name="opening"),
        Reaction("O -> C", lambda O, down: down * O, name="closing"),  # noqa: E741
    ]
    network = Network([*rates, Reaction("C -> D", lambda C, up: up * C), Reaction("D -> C", lambda D, up: up * D)])
    return StateSpace.reachable(network, {"C": 1, "O": 0, "D": 0})


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("v", "wrong"), [(-0.5, "negative"), (1e308, "not finite")])
def test_they_are_refused_and_nan_where_traced(verb, v, wrong):
    space, theta = three_states(), {"up": 100.0, "down": 300.0}
    with pytest.raises(SimulationError, match=f"the propensity of 'opening' is {wrong}"):
        VERBS[verb](space, {**theta, "v": v})
    likelihood = jax.jit(lambda v: VERBS[verb](space, {**theta, "v": v}))
    assert np.isnan(likelihood(v))
    assert np.isfinite(likelihood(1.0))


@pytest.mark.parametrize("verb", VERBS)
def test_so_is_a_reaction_without_its_reactants(verb):
    with pytest.warns(JumpaxWarning, match="does not vanish at C = 0"):
        network = Network([Reaction("C -> O", lambda C, up: up * (C + 1)), Reaction("O -> C", lambda O, up: up * O)])  # noqa: E741
    space = StateSpace.reachable(network, {"C": 1, "O": 0})
    with pytest.raises(SimulationError, match="would lead to a negative count"):
        VERBS[verb](space, {"up": 100.0})


def test_a_rate_of_zero_is_one_of_a_chain():
    space, theta, level = schemes.castillo_katz()
    assert dwell_log_likelihood(space, {**theta, "open": 0.0}, RECORD, level) == -np.inf
