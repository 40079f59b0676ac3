"""Random networks, written as Antimony and read back by way of SBML, have the same propensities."""

import tempfile
from pathlib import Path

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import antimony

import jumpax
from jumpax.importers.expression import Name, Number, call, evaluate_host, text

SPECIES, PARAMETERS = ("E", "S", "lambda_"), ("k", "beta", "Q")
LEAVES = st.sampled_from([Name(n) for n in (*SPECIES, *PARAMETERS)])
NUMBERS = st.integers(2, 9).map(lambda n: Number(float(n)))
UNARY, BINARY = ("negate", "exp", "abs", "floor", "ceil"), ("add", "subtract", "multiply", "divide", "power")


def _grow(inner):
    unary = st.tuples(st.sampled_from(UNARY), inner).map(lambda made: call(*made))
    binary = st.tuples(st.sampled_from(BINARY), inner, inner | NUMBERS).map(lambda made: call(*made))
    return unary | binary


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.recursive(LEAVES, _grow, max_leaves=12), min_size=1, max_size=4), st.data())
def test_propensities_come_back(laws, data):
    with jax.enable_x64(True), tempfile.TemporaryDirectory() as folder:
        made = [data.draw(st.integers(1, 3)) for _ in laws]
        reactions = "".join(
            f"r{n}: => {b} S; {text(law)};\n" for n, (law, b) in enumerate(zip(laws, made))
        )  # => : not reversible
        reactions += "last: E => ; k * E * beta * Q * S * lambda_;"
        start = "E = 3; S = 2; lambda_ = 5; k = 0.5; beta = 2; Q = 1.25;"
        model = antimony(Path(folder), f"substanceOnly species E, S, lambda_;\n{start}\n{reactions}")
        values = {"E": 4.0, "S": 7.0, "lambda_": 1.0, "k": 0.75, "beta": 1.5, "Q": 2.0}
        counts = tuple(np.float64(values[s]) for s in model.network.species)
        theta = {p: np.float64(values[p]) for p in model.network.parameters}
        got = dict(zip((r.name for r in model.network.reactions), model.network.propensities(counts, theta, 0.0)))
        for n, law in enumerate(laws):
            np.testing.assert_allclose(float(got[f"r{n}"]), evaluate_host(law, values), rtol=1e-12, equal_nan=True)
        assert model.network.stoichiometry[1, :-1].tolist() == made


def test_the_score_goes_through_rules_and_pieces(tmp_path):
    """|z| < 5 for a value and two derivatives against the master equation: a false alarm in 2e-6 of all attempts."""
    text = "species A; A = 0; load := b * piecewise(1, A < 3, 0.5); up: => A; load; down: A => ; d * A; b = 4; d = 1; y := 2 * A"
    model = antimony(tmp_path, text)
    y = model.observables["y"]
    mean = jumpax.expectation(
        y, model.network, model.x0, times=[1.0], paths=4_000, gradient=jumpax.ScoreFunction(), engine="xla"
    )
    got = mean.estimate(model.theta, 11)
    with jax.enable_x64(True):
        space = jumpax.exact.StateSpace.reachable(model.network, model.x0, limits={"A": 40})

        def exact(theta):
            return jumpax.exact.distribution(space, theta, [1.0]).expectation(y)

        value, slope = np.asarray(exact(model.theta)), jax.tree.map(np.asarray, jax.jacobian(exact)(model.theta))
    assert abs(float(got.value[0] - value[0])) < 5 * float(got.standard_error[0])
    for name in model.theta:
        assert abs(float(got.gradient[name][0] - slope[name][0])) < 5 * float(got.gradient_standard_error[name][0])
