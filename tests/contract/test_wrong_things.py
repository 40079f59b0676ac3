"""A family, a model, a name, reactions where a network is meant, and the other way round: told by name, in every verb."""

import dataclasses
import inspect

import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.exact import StateSpace, distribution, jump_chain, stationary
from jumpax.folds import AbstractFold
from jumpax.gradients import replay, second_moment_rate, tangent_exponents
from jumpax.gradients.exact_gradient import exact_cost
from jumpax.importers import FileModel
from jumpax.inference import profile
from jumpax.networks.couple import couple

MODEL = jumpax.zoo.birth_death()
FILE = FileModel(MODEL.network, MODEL.theta, MODEL.x0)
FAMILY = jumpax.Family(np.array([[1, -1]]), lambda counts, theta: jnp.stack([theta["a"], counts[0]]), ("X",), ["a"])
DATA = jumpax.losses.MomentMatch("X", [1, 2, 3, 4], [1.0] * 4, order=1)
TRACE = jumpax.Records([1.0], {"X": [3.0]}, jumpax.records.Exact())
WRONG = {
    "family": (FAMILY, r"jumpax\.Network\(families="),
    "file": (FILE, "model.network"),
    "zoo": (MODEL, "model.network"),
    "name": ("birth_death", "jumpax.read"),
    "reactions": (list(MODEL.network.reactions), r"jumpax\.Network\(\["),
    "reaction": (MODEL.network.reactions[0], r"jumpax\.Network\(\["),
    "class": (jumpax.Network, "Network is needed"),
    "nothing": (None, "Network is needed"),
}
THETA, START = MODEL.theta, MODEL.x0
VERBS = {
    "simulate": lambda n: jumpax.simulate(n, THETA, START, times=[1.0], paths=2, key=0),
    "plan": lambda n: jumpax.plan(n, THETA, START, times=[1.0], paths=2),
    "expectation": lambda n: jumpax.expectation(jumpax.Moments("X"), n, START, [1.0], paths=4),
    "steady_state": lambda n: jumpax.steady_state(jumpax.Moments("X"), n, START, settle=1.0, time=1.0, paths=4),
    "audit": lambda n: jumpax.audit(n, THETA, START, [1.0]),
    "lattice_coverage": lambda n: jumpax.lattice_coverage(n, THETA, START, [1.0]),
    "mean_field": lambda n: jumpax.mean_field(n, [1.0], theta=THETA, x0=START),
    "log_likelihood": lambda n: jumpax.log_likelihood(n, THETA, None, 1.0),
    "Problem": lambda n: jumpax.Problem(n, START, DATA, {}),
    "RecordProblem": lambda n: jumpax.RecordProblem(
        n, START, TRACE, {name: jumpax.Fixed(v) for name, v in THETA.items()}
    ),
    "exact_cost": lambda n: exact_cost(n, START, THETA, [1.0]),
    "couple": couple,
    "reachable": lambda n: StateSpace.reachable(n, START),
    "record": lambda n: jumpax.simulate(
        MODEL.network, THETA, START, times=[1.0], paths=2, key=0, record=jumpax.TimeAverages(n)
    ),
}


TAKE_MODELS = (
    "simulate",
    "plan",
    "expectation",
    "steady_state",
    "audit",
    "lattice_coverage",
    "mean_field",
    "Problem",
    "RecordProblem",
    "reachable",
)


@pytest.mark.parametrize(
    ("verb", "thing"),
    [(v, t) for v in VERBS for t in WRONG if not (v in TAKE_MODELS and t in ("file", "zoo"))],
)
def test_what_is_no_network_is_told_with_the_remedy(verb, thing):
    given, remedy = WRONG[thing]
    with pytest.raises(jumpax.InputError, match=remedy):
        VERBS[verb](given)


BEYOND = {
    "delays": MODEL.network.with_delays({MODEL.network.reactions[0].name: jumpax.FixedDelay(1.0)}),
    "events at times": MODEL.network.with_events([jumpax.Event.at(1.0, {"X": 0})]),
    "events with delays": MODEL.network.with_events([jumpax.Event.at(1.0, {"X": 0}, delay=1.0)]),
    "families of reactions": jumpax.Network(MODEL.network.reactions, families=[FAMILY]),
    "continuous variables": jumpax.Network(MODEL.network.reactions, flows={"y": 1.0}),
    "events by conditions": MODEL.network.with_events([jumpax.Event.when(lambda X: X > 3, {"X": 0})]),
}
TREATING = ("simulate", "plan", "expectation", "Problem", "record")
REFUSING = {name: verb for name, verb in VERBS.items() if name not in TREATING} | {
    "second_moment_rate": lambda n: second_moment_rate(jumpax.TrapezoidalTangent(), n, THETA, np.arange(9)[:, None]),
    "tangent_exponents": lambda n: tangent_exponents(n, THETA, START),
    "replay": lambda n: replay(jumpax.StraightThrough(), n, LOG.log, 0, steps=[2]),
}
LOG = jumpax.simulate(MODEL.network, THETA, START, times=[1.0], paths=2, key=0, record=jumpax.Events())


@pytest.mark.parametrize(
    ("verb", "need"), [(v, n) for v in REFUSING for n in BEYOND if (v, n) != ("expectation", "families of reactions")]
)
def test_what_is_not_treated_is_refused_by_name(verb, need):
    with pytest.raises(jumpax.UnsupportedError, match=f"does not treat .*{need} .*; jumpax.simulate draws"):
        REFUSING[verb](BEYOND[need])


def test_no_public_verb_that_takes_a_network_is_left_out():
    taking = set()
    for name in jumpax.__all__:
        if callable(thing := getattr(jumpax, name)):
            try:
                parameters = inspect.signature(thing).parameters
            except ValueError:
                continue
            if "network" in parameters:
                taking.add(name)
    others = {"FileModel", "EventLog"}  # results
    folds = {"FirstPassage", "ReactionCounts", "TimeAverages"}  # looked at by the verb that records them
    assert taking - others - folds <= set(VERBS)


@pytest.mark.parametrize("given", [MODEL.network, FAMILY, MODEL, FILE, "birth_death", None])
def test_what_is_no_state_space_no_problem_is_told(given):
    for verb in (
        lambda: distribution(given, THETA, [1.0]),
        lambda: stationary(given, THETA),
        lambda: jump_chain(given, THETA, [1]),
    ):
        with pytest.raises(jumpax.InputError, match=r"StateSpace\.reachable"):
            verb()
    with pytest.raises(jumpax.InputError, match="Problem"):
        jumpax.fit(given)
    with pytest.raises(jumpax.InputError, match="Problem"):
        profile(given, "birth", [1.0, 2.0, 3.0])


FOLD = jumpax.FirstPassage(MODEL.network, lambda counts: counts["X"] >= 20)


@pytest.mark.parametrize(
    ("record", "remedy"),
    [
        ([FOLD, jumpax.Events()], "call simulate twice with the same key"),
        ((jumpax.Events(), FOLD, FOLD), "call simulate twice with the same key"),
        (jumpax.FirstPassage, r"FirstPassage\(\.\.\.\)"),
        ([jumpax.Events], r"Events\(\.\.\.\)"),
        ("events", "record takes folds"),
        (None, "record takes folds"),
        (jumpax.Moments("X"), r"jumpax\.expectation"),
        (lambda counts: counts["X"], r"jumpax\.expectation"),
        (jumpax.TimeAverages(jumpax.zoo.telegraph().network), "made for another network"),
    ],
)
def test_what_cannot_be_recorded_is_told(record, remedy):
    with pytest.raises(jumpax.InputError, match=remedy):
        jumpax.simulate(MODEL.network, THETA, START, times=[1.0], paths=2, key=0, record=record)


@dataclasses.dataclass(frozen=True)
class Drifting(AbstractFold):
    """A sum of times that begins as a whole number."""

    hook: str

    def init(self, counts, theta, now):
        return 0

    def advance(self, carry, counts, propensities, theta, now, dt):
        return carry + dt if self.hook == "advance" else carry

    def event(self, carry, counts, propensities, theta, now, jump):
        return carry + 0.5 if self.hook == "event" else carry

    def stop(self, carry, counts, theta, index):
        return (carry, 1.0) if self.hook == "stop" else carry, carry


@pytest.mark.parametrize("hook", ["advance", "event", "stop"])
@pytest.mark.parametrize("engine", ["cpu", "xla"])
def test_a_carry_that_changes_its_kind_is_told(engine, hook):
    """The place of a whole number would be read as a real one."""
    for record in (Drifting(hook), [FOLD, Drifting(hook)]):
        with pytest.raises(
            jumpax.InputError, match=r"the fold Drifting begins with a carry of int32 and goes on with .*float32"
        ):
            jumpax.simulate(MODEL.network, THETA, START, times=[1.0], paths=2, key=0, record=record, engine=engine)


def test_a_log_alone_in_a_list_is_a_log():
    one, two = (
        jumpax.simulate(MODEL.network, THETA, START, times=[1.0], paths=3, key=0, record=record).log
        for record in (jumpax.Events(), [jumpax.Events()])
    )
    np.testing.assert_array_equal(one.times, two.times)
