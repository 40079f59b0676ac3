"""Laws that are no mass action, in the loop over tables: one function for each kind of law, which all reactions of that kind share."""

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.types import Real
from jumpax.engines.native.operations import Number
from jumpax.engines.tables.interface import Kernel
from jumpax.engines.tables.writer import Variable
from jumpax.networks import Network, Reaction
from jumpax.networks.ceiling import ceiling_of, rate_of


class Kind(NamedTuple):
    """A law as a scalar function of counts and parameters, in order."""

    species: int
    """How many counts it reads; they come first."""
    parameters: int
    function: Callable[..., Real]
    """Of a law that reads the time, this comes last."""
    timed: bool = False
    top: Callable[..., Real] | None = None
    """What it does not exceed from a time on, of a law that reads the time; None where bounds are given."""


class Laws(NamedTuple):
    """Laws of some reactions of a network."""

    kinds: tuple[Kind, ...]
    kind: np.ndarray
    """Of each reaction, its number."""
    first: np.ndarray
    """Where its arguments begin."""
    argument: np.ndarray
    """Numbers of species, then of parameters."""
    reactions: tuple[int, ...]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What the kernel reads."""
        made = {"law_kind": self.kind, "law_first": self.first, "law_argument": self.argument}
        if self.timed:
            made["law_timed"] = np.array([self.kinds[kind].timed for kind in self.kind])
        return {name: np.ascontiguousarray(array, np.int32) for name, array in made.items()}

    @property
    def timed(self) -> bool:
        """Whether some of them read the time."""
        return any(kind.timed for kind in self.kinds)

    def rate(self, kernel: Kernel, number: Number, now: Number) -> Number:
        """The propensity of reaction `number` of these, or what it does not exceed from now on: not a number where it is negative."""
        w = kernel.w
        value = w.variable(w.number(np.nan))
        for kind, arguments in self._each(kernel, number, self.kinds):
            self._put(kernel, value, kind.top or kind.function, [*arguments, now] if kind.timed else arguments)
        return value.value

    def at(self, kernel: Kernel, number: Number, time: Number) -> Number:
        """The propensity at a time, of a law that reads it; of others it is infinite."""
        value = kernel.w.variable(kernel.w.number(np.inf))
        for kind, arguments in self._each(kernel, number, [kind for kind in self.kinds if kind.timed]):
            self._put(kernel, value, kind.function, [*arguments, time])
        return value.value

    def _put(self, kernel: Kernel, value: Variable, function: Callable[..., Real], arguments: list[Number]) -> None:
        (rate,) = kernel.printed(lambda *a: [jnp.where((r := function(*a)) >= 0, r, jnp.nan)], arguments)
        value.value = rate

    def slopes(
        self, kernel: Kernel, number: Number, then: Callable[[Number, int, Number], None], time: Number | None = None
    ) -> None:
        """Derivatives of that propensity: `then` gets its number, that of the argument, and each derivative.

        At a time those of laws that read it, and else those of the others.
        """
        chosen = [kind for kind in self.kinds if kind.timed == (time is not None)]
        for kind, arguments in self._each(kernel, number, chosen):
            where = tuple(range(kind.species, kind.species + kind.parameters))
            if where:
                given = arguments if time is None else [*arguments, time]
                made = kernel.printed(jax.grad(kind.function, where), given)
                for j, slope in enumerate(made):
                    then(number, kind.species + j, slope)

    def _each(self, kernel: Kernel, number: Number, kinds: Sequence[Kind]) -> Iterator[tuple[Kind, list[Number]]]:
        """Code for each of some kinds of law, with what it reads."""
        w, do = kernel.w, kernel.w.do
        first, mine = w.get("law_first", number), w.get("law_kind", number)
        values, row = kernel.theta()
        for which, kind in enumerate(self.kinds):
            if kind not in kinds:
                continue
            with kernel.code.when(do("eq", mine, which)):
                places = [w.get("law_argument", do("add", first, i)) for i in range(kind.species + kind.parameters)]
                counts = [w.real(w.get("counts", place)) for place in places[: kind.species]]
                theta = [w.get(values, do("add", row, place)) for place in places[kind.species :]]
                yield kind, [*counts, *theta]


def laws_of(network: Network, reactions: tuple[int, ...], bounded: bool = False) -> Laws:
    """The laws of some reactions.

    Args:
        network: whose reactions.
        reactions: their numbers.
        bounded: whether bounds on the total propensity are given, so that none has to be found.

    Raises:
        UnsupportedError: an operation has no printed form.
    """
    species = {name: number for number, name in enumerate(network.species)}
    parameters = {name: number for number, name in enumerate(network.parameters)}
    kinds: dict[Hashable, int] = {}
    functions, kind, first, argument = [], [], [], []
    for number in reactions:
        reaction = network.reactions[number]
        read, names = network.reads(number), reaction.law.parameters
        key = reaction.law.signature(reaction.reactants)
        timed = reaction.law.time_dependent
        function = functools.partial(rate_of, reaction) if timed else functools.partial(_value, reaction, read, names)
        if key is None:
            key = _traced(function, len(read) + len(names) + timed)
        key = (type(reaction.law), len(read), len(names), key)
        if key not in kinds:
            kinds[key] = len(kinds)
            top = functools.partial(_top, reaction) if timed and not bounded else None
            functions.append(Kind(len(read), len(names), function, timed, top))
        kind.append(kinds[key])
        first.append(len(argument))
        argument += [species[name] for name in read] + [parameters[name] for name in names]
    return Laws(tuple(functions), np.array(kind), np.array(first), np.array(argument), reactions)


def _top(reaction: Reaction, *arguments: Real) -> Real:
    return ceiling_of(reaction, arguments[:-1], arguments[-1])


def _value(reaction: Reaction, read: tuple[str, ...], names: tuple[str, ...], *arguments: Real) -> Real:
    counts = dict(zip(read, arguments[: len(read)], strict=True))
    theta = dict(zip(names, arguments[len(read) :], strict=True))
    return jnp.asarray(reaction.propensity(counts, theta, jnp.zeros(())), float)


def _traced(function: Callable[..., Real], many: int) -> str:
    """What tells laws apart that do not say it themselves."""
    with jax.enable_x64(True):
        return str(jax.make_jaxpr(function)(*[jax.ShapeDtypeStruct((), np.dtype(np.float64))] * many))
