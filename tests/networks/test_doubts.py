"""Laws that could drive a count below zero."""

import warnings

import jax.numpy as jnp
import pytest

from jumpax._base.errors import JumpaxWarning
from jumpax.networks import Hill, MassAction, MichaelisMenten, Network, Reaction, doubts


def _doubts(*reactions):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JumpaxWarning)
        return doubts(Network(reactions))


@pytest.mark.fault(5)
def test_a_square_does_not_vanish_at_one_molecule():
    (doubt,) = _doubts(Reaction("2 X -> Y", lambda X, k: k * X**2, name="r"))
    expected = "r: 2 X -> Y has propensity k * X ** 2, which does not vanish at X = 1; "
    assert doubt == expected + "use MassAction, or a law with the factor X * (X - 1)"


@pytest.mark.fault(4)
def test_a_reactant_that_is_not_read():
    (doubt,) = _doubts(Reaction("A + B -> C", lambda A, k: k * A))
    assert "does not read the reactant B" in doubt


def test_constant_consumption():
    (doubt,) = _doubts(Reaction("A -> ∅", Hill("A", "v", "K", 2, basal=0.1)))
    assert "does not vanish at A = 0" in doubt


@pytest.mark.parametrize(
    "reaction",
    [
        Reaction("2 X -> Y", MassAction("k")),
        Reaction("3 X + 2 Y -> X", MassAction("k")),
        Reaction("2 X -> Y", lambda X, k: k * X * (X - 1)),
        Reaction("S -> P", MichaelisMenten("S", "v", "K")),
        Reaction("X -> ∅", Hill("X", "v", "K", "h")),
        Reaction("E -> E + P", lambda k: k),  # a catalyst is not used up
        Reaction("2 X -> 3 X", lambda X, k: k * X**2),
        Reaction("X -> ∅", lambda X, k: k * (X - X) / (X - X)),  # not a number: the engine's to report
        Reaction("X -> ∅", lambda X, k: jnp.stack([X, k])),  # no scalar: the engine's to report
        Reaction("X -> ∅", lambda X, t: X * t),
    ],
)
def test_no_doubt(reaction):
    assert _doubts(reaction) == ()


def test_a_network_warns_when_it_is_built():
    with pytest.warns(JumpaxWarning, match="does not vanish at X = 1"):
        Network([Reaction("2 X -> Y", lambda X, k: k * X**2)])
