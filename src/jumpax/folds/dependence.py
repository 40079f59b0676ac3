"""What a fold gathers: a function of the path alone, or of parameters and times too."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.extend import core

from jumpax._base.shares import Chance
from jumpax.folds.fold import AbstractFold, Jump
from jumpax.folds.lasting import Lasting
from jumpax.networks import Network


def record_of(fold: AbstractFold, network: Network, real: np.dtype) -> Any:
    """Shapes of one record of a fold on paths of a network, whose real numbers are of a type."""
    return _Hooks(fold, network, np.dtype(real)).record


@functools.lru_cache(maxsize=256)
def depends(
    fold: AbstractFold, network: Network, on: Literal["parameters", "times"], read: Callable[[Any], Any] = lambda record: record
) -> bool:  # fmt: skip
    """Whether what is read off a record changes with the parameters, or with the times of events, of an otherwise equal path.

    A path is the sequence of its reactions with their times, and what the fold draws from its own words. Propensities depend on
    the parameters; so do the numbers from which the path was drawn, given the path. Found from the traced hooks, by what their
    operations read, so that it may be said of what only seems to depend, as of x - x.

    Args:
        fold: what is gathered.
        network: along whose paths.
        on: `parameters` or `times`.
        read: function of a record, with JAX.

    >>> from jumpax import networks
    >>> from jumpax.folds import ReactionCounts, Score
    >>> network = networks.zoo.birth_death().network
    >>> depends(ReactionCounts(network), network, "parameters"), depends(Score(network, ("birth",)), network, "parameters")
    (False, True)
    """
    hooks = _Hooks(fold, network, np.dtype("float32"))
    theta, propensities, times = on == "parameters", on == "parameters", on == "times"
    carry = hooks.reads("init", theta=theta, now=times)
    while True:
        known = {"theta": theta, "propensities": propensities, "now": times, "dt": times, "drawn": True}
        after = [hooks.reads(name, carry=carry, **known) for name in hooks.steps]
        grown = [any(flags) for flags in zip(carry, *(flags[: len(carry)] for flags in after), strict=True)]
        if grown == carry:
            record = hooks.reads("stop", carry=carry, theta=theta)[len(carry) :]
            closed = jax.make_jaxpr(read)(hooks.record)
            return any(_reached(closed.jaxpr, record))
        carry = grown


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
        self.steps = ("stop", "advance", "event", *(("sample",) if fold.samples else ()))

    def _call(self, name: str, given: dict[str, Any]) -> Any:
        fold, counts, theta = self.fold, given["counts"], given["theta"]
        if name == "init":
            return fold.init(counts, theta, given["now"])
        if name == "stop":
            return fold.stop(given["carry"], counts, theta, given["index"])
        rates = given["propensities"]
        if name == "event":
            exponential, chance = given["drawn"]
            jump = Jump(given["fired"], exponential, chance, given["words"])
            return fold.event(given["carry"], counts, rates, theta, given["now"], jump)
        arguments = (given["carry"], counts, Lasting(self.network, rates), theta, given["now"], given["dt"])
        return fold.advance(*arguments) if name == "advance" else fold.sample(*arguments, given["words"])

    def reads(self, name: str, carry: Sequence[bool] = (), **marked: bool) -> list[bool]:
        """Which results of a hook read what is marked: leaves of the carry, and arguments by name."""
        names = ("carry", "counts", "propensities", "theta", "now", "dt", "fired", "drawn", "words", "index")
        given = {key: getattr(self, key) for key in names}
        if name == "init":
            del given["carry"]
        closed = jax.make_jaxpr(functools.partial(self._call, name))(given)
        flags: list[bool] = []
        for key in sorted(given):  # as JAX flattens them
            leaves = len(jax.tree.leaves(given[key]))
            flags += list(carry) if key == "carry" else [marked.get(key, False)] * leaves
        return _reached(closed.jaxpr, flags)


def _reached(jaxpr: Any, marked: Sequence[bool]) -> list[bool]:
    """Which results of some operations read marked arguments."""
    known = dict(zip(jaxpr.invars, marked, strict=True))

    def of(atom: Any) -> bool:
        return not isinstance(atom, core.Literal) and known.get(atom, False)

    for equation in jaxpr.eqns:
        flags = [of(atom) for atom in equation.invars]
        inner = getattr(equation.params.get("jaxpr"), "jaxpr", None)
        if inner is not None and len(inner.invars) == len(flags):
            made = _reached(inner, flags)
        else:
            made = [any(flags)] * len(equation.outvars)
        known.update(zip(equation.outvars, made, strict=True))
    return [of(atom) for atom in jaxpr.outvars]
