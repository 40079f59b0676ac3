"""How much arithmetic one turn of the loop is."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.clock import Time
from jumpax._base.types import Precision
from jumpax.engines import lane, turn
from jumpax.engines.engine import precision_of
from jumpax.engines.lane import Interval, Stop
from jumpax.engines.program import Program
from jumpax.folds import Snapshots
from jumpax.networks import Network
from jumpax.networks.ceiling import has_ceilings

_FREE = {
    "convert_element_type",
    "broadcast_in_dim",
    "reshape",
    "squeeze",
    "copy",
    "stop_gradient",
    "bitcast_convert_type",
}
"""Primitives that move or rename a number rather than compute one."""


def network_program(network: Network, precision: Precision) -> Program:
    """What draws plain paths of a network."""
    return Program(network, Snapshots(), precision, bounded=not has_ceilings(network))


def operations_per_event(network: Network, precision: Precision = "float32") -> dict[str, int]:
    """Scalar operations that one turn of one path needs, by primitive: random numbers, waits, choice, update, clock.

    The turn is traced with scalars; each distinct operation counts once, those whose result is never used do not count,
    nor do conversions of type and shape.

    Examples:
        >>> from jumpax.networks import MassAction, Reaction
        >>> small = Network([Reaction("A -> 0", MassAction("k"))])
        >>> large = Network([Reaction("A <-> B", MassAction("k"), MassAction("g"))])
        >>> sum(operations_per_event(small).values()) < sum(operations_per_event(large).values())
        True
    """
    program = network_program(network, precision)
    with precision_of(program):
        real, count, word = jnp.zeros((), program.dtype), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.uint32)
        theta = dict.fromkeys(network.parameters, real)
        stop = Stop(Time(real, real), count, Interval(real, real, real) if program.bounded else None)
        start = lane.begin(program, (word, word), word, (count,) * len(network.species), theta, stop.time, stop)

        def one_turn(path: Any, theta: Any, limit: Any) -> Any:
            return turn.apply(program, path, turn.decide(program, path, theta, limit), theta)

        traced = jax.make_jaxpr(one_turn)(start, theta, count)
    return dict(_count(traced).most_common())


def _count(traced: Any) -> Counter[str]:
    """Distinct operations that the results depend on."""
    tally = _Tally()
    inputs = [tally.leaf(("input", place)) for place in range(len(traced.jaxpr.invars))]
    results = tally.walk(traced.jaxpr, inputs, [tally.leaf(_constant(c)) for c in traced.consts])
    needed: set[int] = set()
    while results:
        number = results.pop()
        if number not in needed:
            needed.add(number)
            results += tally.operands[number]
    names = (tally.names[number] for number in needed)
    return Counter(name for name in names if name is not None and name not in _FREE)


class _Tally:
    """Operations under numbers: equal ones, with equal operands, have the same number."""

    def __init__(self):
        self.names: list[str | None] = []
        self.operands: list[tuple[int, ...]] = []
        self._known: dict[Any, int] = {}

    def leaf(self, key: Any) -> int:
        """Number of an input or of a constant."""
        return self._number(key, None, ())

    def walk(self, jaxpr: Any, inputs: list[int], constants: list[int]) -> list[int]:
        """Numbers of the results of a program; programs inside it are opened."""
        numbers = dict(zip(jaxpr.invars, inputs)) | dict(zip(jaxpr.constvars, constants))

        def number(atom: Any) -> int:
            return self.leaf(_constant(atom.val)) if hasattr(atom, "val") else numbers[atom]

        for equation in jaxpr.eqns:
            operands = [number(atom) for atom in equation.invars]
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            if inner is None:
                key = (equation.primitive.name, str(equation.params), tuple(operands))
                results = [
                    self._number((*key, place), equation.primitive.name, tuple(operands))
                    for place in range(len(equation.outvars))
                ]
            elif hasattr(inner, "consts"):
                results = self.walk(inner.jaxpr, operands, [self.leaf(_constant(c)) for c in inner.consts])
            else:
                results = self.walk(inner, operands, [])
            numbers.update(zip(equation.outvars, results))
        return [number(atom) for atom in jaxpr.outvars]

    def _number(self, key: Any, name: str | None, operands: tuple[int, ...]) -> int:
        if key not in self._known:
            self._known[key] = len(self.names)
            self.names.append(name)
            self.operands.append(operands)
        return self._known[key]


def _constant(value: Any) -> Any:
    array = np.asarray(value)
    return ("constant", str(array.dtype), array.shape, array.tobytes())
