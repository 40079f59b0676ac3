"""Every law and every fold of the library traces to the few operations that fast engines can print."""

import jax
import jax.numpy as jnp
import pytest

import jumpax
from jumpax import folds
from jumpax.engines import inputs as make_inputs
from jumpax.engines.lane import begin
from jumpax.engines.program import Program, Times
from jumpax.engines.turn import apply, decide
from jumpax.folds.fixed_path import FixedPath
from jumpax.observables import Activity, PathSums

PRINTABLE = frozenset({
    "abs", "add", "add_any", "and", "bitcast_convert_type", "convert_element_type", "div", "eq", "ge", "gt", "integer_pow", "le", "lt",
    "max", "min", "mul", "ne", "neg", "not", "or", "select_n", "shift_left", "shift_right_arithmetic",
    "shift_right_logical", "sqrt", "sub", "xor",
})  # fmt: skip
"""Arithmetic, comparison, select and bit operations on scalars; calls are looked into."""


def operations(jaxpr) -> set[str]:
    """Names of the primitives of a program, with those of the programs inside it."""
    names = set()
    for equation in jaxpr.eqns:
        inner = [v.jaxpr if hasattr(v, "jaxpr") else v for v in equation.params.values()]
        inner = [v for v in inner if hasattr(v, "eqns")]
        if inner:
            names = names.union(*(operations(sub) for sub in inner))
        else:
            names.add(equation.primitive.name)
    return names


def folds_of(network):
    first = network.species[0]
    return {
        "snapshots": folds.Snapshots(),
        "score": folds.Score(network, network.parameters),
        "reaction counts": folds.ReactionCounts(network),
        "time averages": folds.TimeAverages(network),
        "first passage": folds.FirstPassage(network, lambda counts: counts[first] > 3),
        "trapezoidal tangent": folds.Tangent(network, network.parameters),
        "fixed path": FixedPath(network, PathSums(Activity(network)), network.parameters),
        "alternative path": folds.Alternative(network, network.parameters[0]),
    }


@pytest.mark.parametrize("name", jumpax.zoo.MODELS)
def test_a_turn_is_printable(name):
    model = jumpax.zoo.MODELS[name]()
    wanted = (
        folds_of(model.network) if len(model.network.reactions) <= 6 else {"score": folds_of(model.network)["score"]}
    )
    for fold in wanted.values():
        program = Program(model.network, fold, "float32")
        counts = [model.x0[s] for s in model.network.species]
        inputs = make_inputs.make(program, Times((1.0,)), (jnp.uint32(0), jnp.uint32(1)), model.theta, counts, 1)

        target = jax.tree.map(lambda leaf: leaf[0], inputs.stops)

        def turn(path, counts, theta, program=program, inputs=inputs, target=target):
            lane = begin(program, inputs.key, path, counts, theta, inputs.start, target)
            decision = decide(program, lane, theta, inputs.limit)
            lane = apply(program, lane, decision, theta)
            return lane, program.fold.stop(lane.carry, lane.counts, theta, lane.index)

        jaxpr = jax.make_jaxpr(turn)(jnp.uint32(0), tuple(jnp.int32(c) for c in counts), inputs.theta).jaxpr
        extra = operations(jaxpr) - PRINTABLE
        # of no cost on scalars: a printer passes them through
        extra -= {"broadcast_in_dim"}
        assert not extra, (fold, extra)
