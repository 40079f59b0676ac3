"""Rate rules of files: what they mean, by hand and by their laws; what is not understood is refused by name."""

import jax.numpy as jnp
import numpy as np
import pytest
from model_files import antimony
from scipy import integrate

import jumpax
from jumpax import UnsupportedError
from jumpax.networks.expressions.expression import Number

CELL = """
compartment V = 2; V' = 0.4 * V; g = 3
species A in V, F in V; A = 4; F = 1.5; F' = 0.2 * A - F
substanceOnly species S in V; S = 30
t' = 1; t = 0
make: => A; g * F * V
pair: 2 A => A; 0.7 * A * (A - 1 / V) * V / 2
lose: S => ; 0.1 * S * t
divide: at V >= 3: V = V / 2
"""
"""A is a concentration of 8 molecules in a volume of 2; F a concentration that is a real number."""


def test_what_names_mean(tmp_path):
    model = antimony(tmp_path, CELL.replace("divide: at V >= 3: V = V / 2", ""))
    assert model.x0 == {"A": 8, "S": 30}
    assert model.network.flowing == ("F", "V", "t")
    assert [model.theta[name] for name in ("V", "F", "t", "g")] == [2.0, 1.5, 0.0, 3.0]
    assert [str(flow) for flow in model.network.flows] == [
        "dF/dt = 0.2 * (A / V) - F", "dV/dt = 0.4 * V", "dt/dt = 1",
    ]  # fmt: skip
    assert model.network.flows[2].rate == Number(1.0)
    made, paired, lost = model.network.propensities(
        (jnp.float32(6.0), jnp.float32(5.0)), {**model.theta, "V": 4.0}, 0.0
    )
    np.testing.assert_allclose([made, paired, lost], [3 * 1.5 * 4, 0.7 * 6 * 5 / 4 / 2, 0.0], rtol=1e-6)


def test_amounts_stay_and_concentrations_dilute_by_their_law(tmp_path):
    text = "compartment V = 1; V' = 0.8 * V; species A in V; A = 50; k = 0.02; r: A => ; k * A * A * V - k * A; F = 2; F' = -A * V / 10"
    text = text.replace("k * A * A * V - k * A", "k * A * V")
    model = antimony(tmp_path, text)  # each molecule is lost at the rate k: the volume does not show
    paths = jumpax.simulate(model, times=[2.0], paths=4000, key=81)
    left = np.exp(-0.04)
    assert abs(paths["A"].mean() - 50 * left) < 4.5 * (50 * left * (1 - left) / 4000) ** 0.5
    drop = 5 * integrate.quad(lambda t: np.exp(-0.02 * t), 0, 2)[0]
    assert abs(paths["F"].mean() - (2 - drop)) < 4.5 * paths["F"].std() / 4000**0.5


def test_division_of_the_compartment_keeps_amounts(tmp_path):
    model = antimony(
        tmp_path, "compartment V = 2; V' = 1; species A in V; A = 3; r: A => ; 1e-9 * A; at V >= 3: V = V / 2"
    )
    paths = jumpax.simulate(model, times=[0.9, 1.5], paths=2, key=82)
    np.testing.assert_allclose(paths["V"], [[2.9, 2.0]] * 2, rtol=1e-5)
    assert (paths["A"] == 6).all()


def test_models_without_reactions(tmp_path):
    model = antimony(tmp_path, "x' = -x * y; x = 1; y = 2; z := 3 * x; species B; B' = z; B = 0; at x < 0.5: y = 0")
    assert model.network.species == ()
    assert not model.observables
    paths = jumpax.simulate(model, times=[0.2, 5.0], paths=2, key=83, precision="float64")
    np.testing.assert_allclose(paths["x"], [[np.exp(-0.4), 0.5]] * 2, rtol=1e-8)
    np.testing.assert_allclose(paths["B"][:, 0], 1.5 * (1 - np.exp(-0.4)), rtol=1e-8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x' = 1; x = 0; at x == 2: x = 0", "asks whether x equals something, which what a rate rule governs does for no time"),
        ("compartment V = 2; species F in V; F = 1; F' = 1; at time > 2: V = 1", "governs a concentration, and events change the size of its compartment 'V'"),
        ("x' = y; x = 0", "'y'"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, text, told):
    with pytest.raises((UnsupportedError, jumpax.InputError), match=told):
        antimony(tmp_path, text)


def test_a_time_against_what_flows_is_followed(tmp_path):
    model = antimony(tmp_path, "x = 1; x' = 2; n = 0; at 4 * time >= x: n = 1, x = 0")
    paths = jumpax.simulate(model, times=[0.49, 0.51], paths=2, key=84)
    assert paths["n"].tolist() == [[0, 1]] * 2
    np.testing.assert_allclose(paths["x"][:, 1], 0.02, rtol=1e-4)


def test_written_and_read_again(tmp_path):
    cell = jumpax.Network(
        [jumpax.Reaction("0 -> A", lambda k, V, t: k * V * (2 + jnp.cos(t)))],
        flows={"V": lambda V, g, A: g * V - 0.01 * A, "T": "g"},
        events=[jumpax.Event.when(lambda V: V >= 2, {"V": lambda V: V / 2})],
    )
    theta, x0 = {"k": 3.0, "V": 1.5, "g": 0.5, "T": -1.0}, {"A": 4}
    for suffix in (".xml", ".ant"):
        jumpax.write(cell, tmp_path / f"cell{suffix}", theta=theta, x0=x0)
        back = jumpax.read(tmp_path / f"cell{suffix}")
        assert (back.theta, back.x0) == (theta, x0)
        assert [str(flow) for flow in back.network.flows] == ["dV/dt = g * V - 0.01 * A", "dT/dt = g"]
    how = {"times": [1.0, 2.0], "paths": 20, "key": 85, "precision": "float64"}
    first, second = (jumpax.simulate(network, theta, x0, **how) for network in (cell, back.network))
    assert (first.counts == second.counts).all()
    np.testing.assert_allclose(first["V"], second["V"], rtol=1e-9)
    with pytest.raises(UnsupportedError, match="the rate of change of 'V'; BioNetGen has no continuous variables"):
        jumpax.write(cell, tmp_path / "cell.net", theta=theta, x0=x0)
