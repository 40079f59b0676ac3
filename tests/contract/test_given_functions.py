"""Laws, observables and conditions that JAX cannot trace: an InputError that names them and says what to write instead."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

import jumpax
from jumpax.exact import StateSpace, distribution
from jumpax.gradients.exact_gradient import exact_cost

THETA, START = {"v": 1.0}, {"X": 5}


def _while(X, v):
    n = 0
    while n < X:
        n += 1
    return v * n


LAWS = {
    "if": (lambda X, v: v if X > 3 else 0, "jnp.where"),
    "while": (_while, "jnp.where"),
    "and": (lambda X, v: v * (X > 1 and X < 5), "jnp.logical_and"),
    "or": (lambda X, v: v * (X > 1 or X < 5), "jnp.logical_or"),
    "not": (lambda X, v: v * (not X), "jnp.where"),
    "chain": (lambda X, v: v * (0 < X < 5), "jnp.logical_and"),
    "min": (lambda X, v: min(X, v), "jnp.minimum"),
    "max": (lambda X, v: max(0.0, X - v), "jnp.maximum"),
    "np.exp": (lambda X, v: v * np.exp(-X), "jnp.exp"),
    "np.where": (lambda X, v: np.where(X > 3, v, 0), "jax.numpy as jnp"),
    "np.power": (lambda X, v: v * np.power(X, 2), "jax.numpy as jnp"),
    "np.sum": (lambda X, v: np.sum([X, v]), "jax.numpy as jnp"),
    "scipy": (lambda X, v: v * special.expit(X), "jax.scipy.special"),
    "math.exp": (lambda X, v: v * math.exp(-X), "jnp.exp(x) for math.exp(x)"),
    "math.sqrt": (lambda X, v: math.sqrt(X) * v, "jax.numpy as jnp"),
    "float": (lambda X, v: v * float(X), "leave float out"),
    "int": (lambda X, v: v * int(X), "jnp.floor(x) for int(x)"),
    "item": (lambda X, v: v * X.item(), ".item()"),
    "index": (lambda X, v: v * [1, 2, 3][X], "jnp.asarray(table)[i]"),
    "range": (lambda X, v: v * sum(1 for _ in range(X)), "jnp.where"),
    "key": (lambda X, v: v * {0: 1}[X], "jnp.where"),
    "nothing": (lambda X, v: None, "is a return missing?"),
    "text": (lambda X, v: "fast", "not one real number"),
    "two": (lambda X, v: (X, v), "not one real number"),
    "array": (lambda X, v: jnp.stack([X, v]), "an array of shape (2,)"),
    "complex": (lambda X, v: v * X * 1j, "not one real number"),
}


def _network(law):
    return jumpax.Network([jumpax.Reaction("X -> 0", law, name="loss")])


@pytest.mark.filterwarnings("ignore::jumpax.JumpaxWarning")  # doubts of laws that do not stop at zero
@pytest.mark.parametrize("name", LAWS)
def test_a_law_that_cannot_be_traced_is_named_with_the_remedy(name):
    law, remedy = LAWS[name]
    with pytest.raises(jumpax.InputError) as told:
        jumpax.simulate(_network(law), THETA, START, times=[1.0], paths=2, key=0)
    assert "the rate law of 'loss'" in str(told.value)
    assert remedy in str(told.value)


def _mean(network):
    return jumpax.expectation(lambda counts: counts["X"], network, START, [1.0], paths=4)


VERBS = {
    "simulate on reference": lambda n: jumpax.simulate(
        n, THETA, START, times=[1.0], paths=2, key=0, engine="reference"
    ),
    "simulate on xla": lambda n: jumpax.simulate(n, THETA, START, times=[1.0], paths=2, key=0, engine="xla"),
    "the log": lambda n: jumpax.simulate(n, THETA, START, times=[1.0], paths=2, key=0, record=jumpax.Events()),
    "expectation": lambda n: _mean(n)(THETA, 0),
    "jit": lambda n: jax.jit(lambda theta: _mean(n)(theta, 0))(THETA),
    "grad": lambda n: jax.grad(lambda theta: _mean(n)(theta, 0)[0])(THETA),
    "estimate": lambda n: _mean(n).estimate(THETA, 0),
    "audit": lambda n: jumpax.audit(n, THETA, START, [1.0], paths=4),
    "steady_state": lambda n: jumpax.steady_state(lambda c: c["X"], n, START, settle=1.0, time=1.0, paths=4)(THETA, 0),
    "state space": lambda n: StateSpace.reachable(n, START),
    "lattice_coverage": lambda n: jumpax.lattice_coverage(n, THETA, START, [1.0]),
    "fit": lambda n: jumpax.fit(
        jumpax.Problem(
            n, START, jumpax.losses.MomentMatch("X", [1, 2, 3, 4], [1.0] * 4, order=1), {"v": jumpax.Free(1.0)}
        )
    ),
}


@pytest.mark.filterwarnings("ignore::jumpax.JumpaxWarning")
@pytest.mark.parametrize("name", VERBS)
def test_every_verb_tells_it_alike(name):
    with pytest.raises(jumpax.InputError, match=r"the rate law of 'loss', `v if X > 3 else 0`, .*jnp\.where"):
        VERBS[name](_network(LAWS["if"][0]))


@pytest.mark.filterwarnings("ignore::jumpax.JumpaxWarning")
def test_the_line_is_shown_and_other_errors_are_noted():
    with pytest.raises(jumpax.InputError, match=r"At line \d+ of test_given_functions.py: while n < X:"):
        jumpax.simulate(_network(_while), THETA, START, times=[1.0], paths=2, key=0)
    with pytest.raises(NameError) as told:
        jumpax.simulate(_network(lambda X, v: v * undefined), THETA, START, times=[1.0], paths=2, key=0)
    assert any("the rate law of 'loss'" in note for note in told.value.__notes__)


def test_an_unknown_cost_is_none_where_the_law_cannot_be_looked_at():
    network = _network(lambda X, v: v * jnp.where(X > 3, X, X))
    assert exact_cost(network, START, THETA, [1.0]).states == 6


OBSERVABLES = {
    "unknown species": (lambda c: c["Z"], "unknown species 'Z'; known: X"),
    "by number": (lambda c: c[0], "unknown species 0"),
    "by attribute": (lambda c: c.X, "counts['X']"),
    "if": (lambda c: 1.0 if c["X"] > 3 else 0.0, "jnp.where"),
    "and": (lambda c: (c["X"] > 3) and (c["X"] < 5), "jnp.logical_and"),
    "np.exp": (lambda c: np.exp(c["X"]), "jnp.exp"),
    "np.mean": (lambda c: np.mean([c["X"], 1.0]), "jax.numpy as jnp"),
    "math.log": (lambda c: math.log(1 + c["X"]), "jax.numpy as jnp"),
    "int": (lambda c: int(c["X"]), "jnp.floor"),
    "index": (lambda c: c["X"][0], "leave the index out"),
    "nothing": (lambda c: None, "is a return missing?"),
    "get": (lambda c: c.get("Z"), "returns None"),
    "text": (lambda c: "many", "must return a number"),
    "empty": (lambda c: [], "no number at all"),
    "object": (lambda c: object(), "must return a number"),
    "complex": (lambda c: c["X"] * 1j, "must return a number"),
    "moments": (jumpax.Moments("Z"), "unknown species 'Z'"),
    "name": ("X", "Moments('A')"),
    "class": (jumpax.Moments, "is a class"),
    "fold class": (jumpax.FirstPassage, "is a class"),
    "log": (jumpax.Events(), "simulate(..., record=...)"),
    "estimator": (jumpax.ScoreFunction(), "must be a function of the counts"),
    "none": (None, "must be a function of the counts"),
}
DECAY = jumpax.Network([jumpax.Reaction("X -> 0", jumpax.MassAction("v"))])


@pytest.mark.parametrize("name", OBSERVABLES)
def test_an_observable_that_makes_no_sense_is_refused_at_once(name):
    observable, remedy = OBSERVABLES[name]
    for verb in (
        lambda: jumpax.expectation(observable, DECAY, START, [1.0], paths=4),
        lambda: jumpax.steady_state(observable, DECAY, START, settle=1.0, time=1.0, paths=4),
        lambda: jumpax.audit(DECAY, THETA, START, [1.0], observable=observable) if observable is not None else 1 / 0,
    ):
        with pytest.raises((jumpax.InputError, ZeroDivisionError)) as told:
            verb()
        assert remedy in str(told.value) or told.type is ZeroDivisionError


def test_a_fold_is_no_observable_and_the_message_says_where_it_goes():
    fold = jumpax.FirstPassage(DECAY, lambda counts: counts["X"] == 0)
    for verb in (
        lambda: jumpax.expectation(fold, DECAY, START, [1.0], paths=4),
        lambda: jumpax.steady_state(fold, DECAY, START, settle=1.0, time=1.0, paths=4),
        lambda: jumpax.audit(DECAY, THETA, START, [1.0], observable=fold),
        lambda: jumpax.expectation(jumpax.TimeAverages(DECAY), DECAY, START, [1.0], paths=4),
    ):
        with pytest.raises(jumpax.InputError, match=r"simulate\(\.\.\., record=\.\.\.\)"):
            verb()


def test_what_a_law_of_states_is_asked_for_is_told_alike():
    law = distribution(StateSpace.reachable(DECAY, START), THETA, [1.0])
    for observable, remedy in (*OBSERVABLES.values(), (jumpax.Moments("X"), "one number for each state")):
        if (
            remedy in ("jnp.exp", "jax.numpy as jnp", "jnp.floor", "leave the index out")
            or observable == jumpax.Events()
        ):
            continue  # these have numbers here, and work; or are told in other words
        with pytest.raises(jumpax.InputError):
            law.expectation(observable)


@pytest.mark.parametrize(
    ("condition", "remedy"),
    [
        (lambda c: c["Z"] > 1, "the condition `c['Z'] > 1` reads an unknown species 'Z'"),
        (lambda c: c["X"] > 1 and c["X"] < 3, "jnp.logical_and"),
        (lambda c: np.exp(c["X"]) > 1, "jnp.exp"),
        (lambda c: None, "returns None"),
    ],
)
def test_a_condition_of_first_passage_is_told_alike(condition, remedy):
    with pytest.raises(jumpax.InputError) as told:
        jumpax.simulate(
            DECAY, THETA, START, times=[1.0], paths=2, key=0, record=jumpax.FirstPassage(DECAY, condition), engine="xla"
        )
    assert remedy in str(told.value)


def test_functions_of_families_of_parameters_and_of_objectives():
    change = np.array([[1, -1]])
    for rates, remedy in (
        (lambda counts, params: jnp.stack([params["a"], counts[0] if counts[0] > 1 else 0.0]), r"jnp\.where"),
        (lambda counts, params: np.stack([params["a"], np.exp(counts[0])]), r"jnp\.exp"),
    ):
        with pytest.raises(jumpax.InputError, match=rf"the function of propensities .*{remedy}"):
            jumpax.Family(change, rates, parameters=["a"])
    data = jumpax.losses.MomentMatch("X", [1, 2, 3, 4], [1.0] * 4, order=1)
    free = {"u": jumpax.Free(1.0), "v": jumpax.Derived(lambda u: np.exp(u))}
    with pytest.raises(jumpax.InputError, match=r"the formula of 'v' .*jnp\.exp"):
        jumpax.fit(jumpax.Problem(DECAY, START, data, free))
    with pytest.raises(jumpax.InputError, match=r"the function of objectives .*jnp\.exp"):
        jumpax.design.pareto_front(lambda u, key: np.exp(jnp.stack([u, -u])), 0.0, weights=[[1.0, 1.0]])
