"""Random networks, written as Antimony and as SBML and read back, have the same propensities and stoichiometry."""

import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import antimony, written

import jumpax
from jumpax.importers.antimony import _converted
from jumpax.networks.expressions.expression import Name, Number, call, evaluate_host, text

SPECIES, PARAMETERS = ("E", "S", "lambda_"), ("k", "beta", "Q")
NUMBERS = st.integers(2, 9).map(lambda n: Number(float(n)))
UNARY, BINARY = ("negate", "exp", "abs", "floor", "ceil"), ("add", "subtract", "multiply", "divide", "power")
VOLUME = 2.5  # E lies in it and stands for its concentration


def _grow(inner):
    unary = st.tuples(st.sampled_from(UNARY), inner).map(lambda made: call(*made))
    binary = st.tuples(st.sampled_from(BINARY), inner, inner | NUMBERS).map(lambda made: call(*made))
    return unary | binary


def formulas(names, size=12):
    return st.recursive(st.sampled_from([Name(n) for n in names]), _grow, max_leaves=size)


@pytest.mark.filterwarnings("ignore::jumpax.JumpaxWarning")  # random laws do not vanish where they should
@settings(max_examples=4, deadline=None, derandomize=True)
@given(
    st.lists(formulas((*SPECIES, *PARAMETERS, "rule")), min_size=1, max_size=4),
    formulas((*SPECIES, *PARAMETERS), 4), formulas(("a", "b"), 6), st.data(),
)  # fmt: skip
def test_propensities_come_back(laws, rule, body, data):
    takes, made = ([data.draw(st.integers(0, 3)) for _ in laws] for _ in range(2))
    first, second = data.draw(formulas(SPECIES, 3)), data.draw(formulas(PARAMETERS, 3))
    written_out = "".join(
        f"r{n}: {a} S => {b} lambda_ + {a} E; {text(law)};\n" for n, (law, a, b) in enumerate(zip(laws, takes, made))
    )  # => : not reversible
    network = f"""function both(a, b) {text(body)} end
    compartment V = {VOLUME}; substanceOnly species S, lambda_; species E in V
    E = 3 / {VOLUME}; S = 2; lambda_ = 5; k = 0.5; beta = 2; Q = 1.25; rule := {text(rule)}
    {written_out}call: => 3 S; both({text(first)}, {text(second)})
    last: E => ; k * E * beta * Q * S * lambda_ * V"""
    amounts = {"E": 4.0, "S": 7.0, "lambda_": 1.0}
    theta = {"k": 0.75, "beta": 1.5, "Q": 2.0}
    values = {**amounts, **theta, "E": amounts["E"] / VOLUME}
    values["rule"] = evaluate_host(rule, values)
    arguments = {"a": evaluate_host(first, values), "b": evaluate_host(second, values)}
    wanted = {f"r{n}": evaluate_host(law, values) for n, law in enumerate(laws)} | {
        "call": evaluate_host(body, arguments)
    }
    with jax.enable_x64(True), tempfile.TemporaryDirectory() as folder:
        sbml = written(Path(folder), "m.xml", _converted(network, "a network"))
        for model in (antimony(Path(folder), network), jumpax.read(sbml)):
            assert model.x0 == {"E": 3, "S": 2, "lambda_": 5}
            counts = tuple(np.float64(amounts[s]) for s in model.network.species)
            numbers = {p: np.float64({**theta, "V": VOLUME}[p]) for p in model.network.parameters}
            got = dict(zip((r.name for r in model.network.reactions), model.network.propensities(counts, numbers, 0.0)))
            for name, value in wanted.items():
                if name in got:  # 0 S => 0 lambda_ changes nothing
                    np.testing.assert_allclose(float(got[name]), value, rtol=1e-12, equal_nan=True)
            columns = dict(zip((r.name for r in model.network.reactions), model.network.stoichiometry.T.tolist()))
            place = {s: model.network.species.index(s) for s in SPECIES}
            for n, (a, b) in enumerate(zip(takes, made)):
                changes = [columns.get(f"r{n}", [0, 0, 0])[place[s]] for s in SPECIES]
                assert changes == [a, -a, b]
            assert columns["call"][place["S"]] == 3
