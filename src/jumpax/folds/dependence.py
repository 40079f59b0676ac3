"""What a fold gathers: a function of the path alone, or of parameters and times too."""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core

from jumpax._base.shares import Chance
from jumpax.folds.fold import AbstractFold, Change, Jump
from jumpax.folds.lasting import Lasting
from jumpax.networks import Network


def record_of(fold: AbstractFold, network: Network, real: np.dtype) -> Any:
    """Shapes of one record of a fold on paths of a network, whose real numbers are of a type."""
    return _Hooks(fold, network, np.dtype(real)).record


PARAMETERS, TIMES, DRAWS, WORDS = 1, 2, 4, 8
"""What a number may depend on beside the sequence of reactions: bits of a mask. `DRAWS` are the random numbers that the path was drawn
from, `WORDS` the fold's own."""
_JUMPING = frozenset({"floor", "ceil", "round", "sign"})
"""Operations whose results are real numbers that change in steps."""


class Dependence(NamedTuple):
    """What is read off a record depends on, on an otherwise equal path; and whether that is a smooth function."""

    parameters: bool
    times: bool
    """Of the events."""
    smooth: bool
    """Whether its derivative with respect to parameters, at a fixed path, is all that there is: nothing that depends on parameters and on
    times or the fold's words is compared or rounded, and no random number is read from which the path was drawn."""


@functools.lru_cache(maxsize=256)
def dependence(
    fold: AbstractFold, network: Network, read: Callable[[Any], Any] = lambda record: record
) -> Dependence:  # fmt: skip
    """Whether what is read off a record changes with the parameters, or with the times of events, of an otherwise equal path.

    A path is the sequence of its reactions with their times, and what the fold draws from its own words. Propensities depend on
    the parameters; so do the numbers from which the path was drawn, given the path. Found from the traced hooks, by what their
    operations read, so that it may be said of what only seems to depend, as of x - x.

    Args:
        fold: what is gathered.
        network: along whose paths.
        read: function of a record, with JAX.

    Examples:
        >>> from jumpax import networks
        >>> from jumpax.folds import ReactionCounts, Score
        >>> network = networks.zoo.birth_death().network
        >>> dependence(ReactionCounts(network), network)
        Dependence(parameters=False, times=False, smooth=True)
        >>> dependence(Score(network, ("birth",)), network).parameters
        True
    """
    hooks, rough = _Hooks(fold, network, np.dtype("float32")), [False]
    rates = PARAMETERS | (TIMES if network.time_dependent else 0)
    known = {
        "theta": PARAMETERS,
        "propensities": rates,
        "now": TIMES,
        "dt": TIMES,
        "drawn": PARAMETERS | TIMES | DRAWS,
        "words": WORDS,
    }
    carry = hooks.reads("init", rough, (), known)
    while True:
        after = [hooks.reads(name, rough, carry, known) for name in hooks.steps]
        grown = [
            functools.reduce(operator.or_, masks)
            for masks in zip(carry, *(masks[: len(carry)] for masks in after), strict=True)
        ]
        if grown == carry:
            break
        carry = grown
    record = hooks.reads("stop", rough, carry, known)[len(carry) :]
    made = functools.reduce(operator.or_, _reached(jax.make_jaxpr(read)(hooks.record).jaxpr, record, rough), 0)
    return Dependence(bool(made & PARAMETERS), bool(made & TIMES), not (rough[0] or made & DRAWS))


class _Hooks:
    """The hooks of a fold as operations on scalars, with names for their arguments."""

    def __init__(self, fold: AbstractFold, network: Network, real: np.dtype):
        number, count, word = (
            jax.ShapeDtypeStruct((), kind) for kind in (real, np.dtype(np.int32), np.dtype(np.uint32))
        )
        flag = jax.ShapeDtypeStruct((), np.dtype(bool))
        self.counts, self.index = (count,) * len(network.species), count
        self.theta = dict.fromkeys(network.parameters, number)
        self.propensities, self.now, self.dt = (number,) * len(network.reactions), number, number
        self.fired, self.words = (flag,) * len(network.reactions), (word,) * fold.words
        self.drawn: Any = (number, Chance(number, number))  # type: ignore[arg-type]  # shapes
        self.fold, self.network = fold, network
        self.carry = jax.eval_shape(fold.init, self.counts, self.theta, number)
        self.record = jax.eval_shape(fold.stop, self.carry, self.counts, self.theta, count)[1]
        self.events = (flag,) * len(network.events)
        changed = type(fold).changed is not AbstractFold.changed
        self.steps = (
            "stop",
            "advance",
            "event",
            *(("sample",) if fold.samples else ()),
            *(("changed",) if changed else ()),
        )

    def _call(self, name: str, given: dict[str, Any]) -> Any:
        fold, counts, theta = self.fold, given["counts"], given["theta"]
        if name == "init":
            return fold.init(counts, theta, given["now"])
        if name == "stop":
            return fold.stop(given["carry"], counts, theta, given["index"])
        if name == "changed":
            change = Change(given["events"], counts, theta)
            return fold.changed(given["carry"], counts, theta, given["now"], change)
        rates = given["propensities"]
        if name == "event":
            exponential, chance = given["drawn"]
            jump = Jump(given["fired"], exponential, chance, given["words"], counts)
            return fold.event(given["carry"], counts, rates, theta, given["now"], jump)
        arguments = (given["carry"], counts, Lasting(self.network, rates), theta, given["now"], given["dt"])
        return fold.advance(*arguments) if name == "advance" else fold.sample(*arguments, given["words"])

    def reads(self, name: str, rough: list[bool], carry: Sequence[int], marked: Mapping[str, int]) -> list[int]:
        """What results of a hook depend on, from masks of the leaves of the carry, and of arguments by name."""
        names = ("carry", "counts", "propensities", "theta", "now", "dt", "fired", "drawn", "words", "index", "events")
        given = {key: getattr(self, key) for key in names}
        if name == "init":
            del given["carry"]
        closed = jax.make_jaxpr(functools.partial(self._call, name))(given)
        masks: list[int] = []
        for key in sorted(given):  # as JAX flattens them
            leaves = len(jax.tree.leaves(given[key]))
            masks += list(carry) if key == "carry" else [marked.get(key, 0)] * leaves
        return _reached(closed.jaxpr, masks, rough)


def _reached(jaxpr: Any, marked: Sequence[int], rough: list[bool]) -> list[int]:
    """What results of some operations depend on; `rough` is told of steps in what depends on parameters and times."""
    known = dict(zip(jaxpr.invars, marked, strict=True))

    def of(atom: Any) -> int:
        return 0 if isinstance(atom, core.Literal) else known.get(atom, 0)

    for equation in jaxpr.eqns:
        masks = [of(atom) for atom in equation.invars]
        inner = getattr(equation.params.get("jaxpr"), "jaxpr", None)
        if inner is not None and len(inner.invars) == len(masks):
            made = _reached(inner, masks, rough)
        else:
            made = [functools.reduce(operator.or_, masks, 0)] * len(equation.outvars)
            whole = any(not np.issubdtype(out.aval.dtype, np.floating) for out in equation.outvars)
            reals = [
                mask
                for mask, atom in zip(masks, equation.invars, strict=True)
                if np.issubdtype(atom.aval.dtype, np.floating)
            ]
            both = functools.reduce(operator.or_, reals, 0)
            steps = whole or equation.primitive.name in _JUMPING
            rough[0] |= steps and bool(both & PARAMETERS) and bool(both & (TIMES | WORDS))
        known.update(zip(equation.outvars, made, strict=True))
    return [of(atom) for atom in jaxpr.outvars]
