"""Laws that are no mass action, in the loop over tables: one function for each kind of law, which all reactions of that kind share."""

import functools
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jumpax.engines.native.operations import Number
from jumpax.networks import Network, Reaction


class Kind(NamedTuple):
    """A law as a scalar function of counts and parameters, in order."""

    species: int
    """How many counts it reads; they come first."""
    parameters: int
    function: Callable[..., Any]


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
        return {name: np.ascontiguousarray(array, np.int32) for name, array in made.items()}

    def rate(self, kernel: Any, number: Number) -> Number:
        """The propensity of reaction `number` of these: not a number where it is negative."""
        w = kernel.w
        value = w.variable(w.number(np.nan))
        for kind, arguments in self._each(kernel, number):
            (rate,) = kernel.printed(lambda *a, f=kind.function: [jnp.where((r := f(*a)) >= 0, r, jnp.nan)], arguments)
            value.value = rate
        return value.value

    def slopes(self, kernel: Any, number: Number, then: Callable[[Number, int, Number], None]) -> None:
        """Derivatives of that propensity: `then` gets its number, that of the argument, and each derivative."""
        for kind, arguments in self._each(kernel, number):
            where = tuple(range(kind.species, kind.species + kind.parameters))
            if where:
                made = kernel.printed(jax.grad(kind.function, where), arguments)
                for j, slope in enumerate(made):
                    then(number, kind.species + j, slope)

    def _each(self, kernel: Any, number: Number) -> Iterator[tuple[Kind, list[Number]]]:
        """Code for each kind of law, with what it reads."""
        w, do = kernel.w, kernel.w.do
        first, mine = w.get("law_first", number), w.get("law_kind", number)
        values, row = kernel.theta()
        for which, kind in enumerate(self.kinds):
            with kernel.code.when(do("eq", mine, which)):
                places = [w.get("law_argument", do("add", first, i)) for i in range(kind.species + kind.parameters)]
                counts = [w.real(w.get("counts", place)) for place in places[: kind.species]]
                theta = [w.get(values, do("add", row, place)) for place in places[kind.species :]]
                yield kind, [*counts, *theta]


def laws_of(network: Network, reactions: tuple[int, ...]) -> Laws:
    """The laws of some reactions.

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
        function = functools.partial(_value, reaction, read, names)
        if key is None:
            key = _traced(function, len(read) + len(names))
        key = (type(reaction.law), len(read), len(names), key)
        if key not in kinds:
            kinds[key] = len(kinds)
            functions.append(Kind(len(read), len(names), function))
        kind.append(kinds[key])
        first.append(len(argument))
        argument += [species[name] for name in read] + [parameters[name] for name in names]
    return Laws(tuple(functions), np.array(kind), np.array(first), np.array(argument), reactions)


def _value(reaction: Reaction, read: tuple[str, ...], names: tuple[str, ...], *arguments: Any) -> Any:
    counts = dict(zip(read, arguments[: len(read)], strict=True))
    theta = dict(zip(names, arguments[len(read) :], strict=True))
    return jnp.asarray(reaction.propensity(counts, theta, jnp.zeros(())), float)


def _traced(function: Callable[..., Any], many: int) -> str:
    """What tells laws apart that do not say it themselves."""
    with jax.enable_x64(True):
        return str(jax.make_jaxpr(function)(*[jax.ShapeDtypeStruct((), np.dtype(np.float64))] * many))
