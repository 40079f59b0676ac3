"""How large propensities that depend on time can become while no reaction happens."""

import functools
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jumpax._base.errors import UnsupportedError
from jumpax._base.ranges import Borders, NoRule, Range, ranges, rounded
from jumpax._base.types import Numeric, ParameterValues, Real
from jumpax.networks.curve import curve_range
from jumpax.networks.network import Network
from jumpax.networks.reaction import Reaction

PIECES = 3
"""Most numbers that the time is compared with for which a law is looked at piece by piece."""
COMPILED = 64
"""Most laws whose ceilings are compiled to be looked at; of more, those that are one function are computed as arrays."""
REMEDY = (
    "give bound=..., a number that the total propensity never exceeds, or one for each interval between stops, and paths "
    "are exact by null events"
)


def ceilings(
    network: Network, counts: Sequence[Numeric], theta: ParameterValues, now: Numeric
) -> tuple[Real | None, ...]:
    """For each reaction a number that its propensity does not exceed from a time on, in one state.

    Found by interval arithmetic on the law, with the time between now and infinity (see `_base.ranges`): never too small, rounding
    included, and infinite where no number is found. None for laws that do not read the time.

    Args:
        network: whose laws.
        counts: of the species, as floats.
        theta: parameters.
        now: the time, in the type of the counts.

    Returns:
        Numbers of the shape of the counts, traced where those are.

    Raises:
        UnsupportedError: for a law with an operation of which no range is known: names both.

    Examples:
        >>> import jumpax
        >>> fading = jumpax.Network([jumpax.Reaction("0 -> X", lambda k, t: k * jnp.exp(-t))])
        >>> [round(float(ceilings(fading, (jnp.float32(0),), {"k": 3.0}, jnp.float32(at))[0]), 4) for at in (0, 1)]
        [3.0, 1.1036]
    """
    found: list[Real | None] = []
    for reaction in network.reactions:
        if not reaction.law.time_dependent:
            found.append(None)
            continue
        levels = [counts[network.numbers[name]] for name in reaction.law.species(reaction.reactants)]
        found.append(ceiling_of(reaction, [*levels, *(theta[name] for name in reaction.law.parameters)], now))
    return tuple(found)


def ceiling_of(reaction: Reaction, given: Sequence[Numeric], now: Any) -> Real:
    """A number that the propensity of one reaction does not exceed from a time on.

    Args:
        reaction: of a network.
        given: the counts that its law reads, and then its parameters.
        now: the time.

    Raises:
        UnsupportedError: for an operation of which no range is known.
    """
    law = jax.make_jaxpr(functools.partial(rate_of, reaction))(*given, now)
    try:
        return _highest(law, [jnp.asarray(one, law.in_avals[i].dtype) for i, one in enumerate(given)], now)
    except NoRule as fault:
        raise UnsupportedError(
            f"{reaction.law_in_words} has the operation {fault}, from which its largest value at later times is not found; "
            + REMEDY
        ) from None


def rate_of(reaction: Reaction, *given: Real) -> Real:
    """The propensity of one reaction: the counts that its law reads are given, then its parameters, then the time."""
    names = reaction.law.species(reaction.reactants), reaction.law.parameters
    counts = dict(zip(names[0], given, strict=False))
    theta = dict(zip(names[1], given[len(names[0]) : -1], strict=True))
    return jnp.asarray(reaction.propensity(counts, theta, given[-1]), given[-1].dtype)


def _highest(law: Any, numbers: list[Array], now: Any) -> Real:
    """The largest value from now on; piece by piece, where the law compares the time with a few numbers."""

    def piece(time: Range, borders: Borders | None = None) -> Real:
        found = rounded(ranges(law, [*numbers, time], {"jumpax_curve": curve_range}, borders)[0])
        assert isinstance(found, Range)
        return found.high

    always = Range(now, jnp.full_like(now, np.inf))
    borders = Borders(always)
    whole = piece(always, borders)
    if not 0 < len(borders.found) <= PIECES:
        return whole
    begin, tops = now, []
    for border in _sorted(borders.beyond()):
        end = jnp.maximum(begin, border)
        tops.append(piece(Range(begin, end)))
        begin = end
    return functools.reduce(jnp.maximum, [*tops, piece(Range(begin, always.high))])


def _sorted(values: list[Array]) -> list[Array]:
    """From the least to the largest, without a branch."""
    for last in range(len(values) - 1, 0, -1):
        for place in range(last):
            pair = values[place], values[place + 1]
            values[place], values[place + 1] = jnp.minimum(*pair), jnp.maximum(*pair)
    return values


def _kinds(network: Network) -> list[list[int]]:
    """Numbers of the reactions whose laws read the time, those of one function together."""
    kinds: dict[Hashable, list[int]] = {}
    for number, reaction in enumerate(network.reactions):
        if reaction.law.time_dependent:
            key = reaction.law.signature(reaction.reactants)
            kinds.setdefault(number if key is None else (type(reaction.law), key), []).append(number)
    return list(kinds.values())


_compiled = jax.jit(ceilings, static_argnums=0)


def _at_once(
    network: Network, counts: Sequence[Numeric], theta: ParameterValues, now: Numeric
) -> tuple[Real | None, ...]:
    """The same on the host, for laws of one kind together."""
    found: list[Real | None] = [None] * len(network.reactions)
    for members in _kinds(network):
        columns = []
        for number in members:
            levels = [counts[network.numbers[name]] for name in network.reads(number)]
            columns.append([*levels, *(theta[name] for name in network.reactions[number].law.parameters)])
        given = [np.array(column) for column in zip(*columns, strict=True)]
        tops = ceiling_of(network.reactions[members[0]], given, np.full(len(members), now))
        for number, top in zip(members, np.broadcast_to(tops, len(members)), strict=True):
            found[number] = top
    return tuple(found)


def check_ceilings(
    network: Network, counts: Iterable[Numeric], theta: ParameterValues | None = None, now: float = 0.0
) -> None:
    """Whether all propensities that depend on time stay below some number from a time on, in one state.

    Args:
        network: whose laws.
        counts: plain numbers, in the order of the species.
        theta: plain numbers; without them it is only asked whether all operations are understood.
        now: the time.

    Raises:
        UnsupportedError: naming each law that grows without end, or whose largest value is not found.
    """
    kind = np.dtype(jnp.result_type(float))
    if theta is None:
        one = jax.ShapeDtypeStruct((), kind)
        for first, *_ in _kinds(network):
            reaction = network.reactions[first]
            reads = [one] * (len(network.reads(first)) + len(reaction.law.parameters))
            jax.eval_shape(functools.partial(ceiling_of, reaction), reads, one)
        return
    levels = tuple(np.asarray(count, kind) for count in counts)
    values = {name: np.asarray(theta[name], kind) for name in network.parameters}
    given = levels, values, np.asarray(now, kind)
    many = sum(reaction.law.time_dependent for reaction in network.reactions)
    tops = (_compiled if many <= COMPILED else _at_once)(network, *given)
    if laws := endless(network, tops):
        raise UnsupportedError(
            f"from time {now:g} on there is no largest value, as far as interval arithmetic can tell, of {' and '.join(laws)} "
            + REMEDY
        )


def has_ceilings(network: Network) -> bool:
    """Whether all operations are understood of the laws that read the time."""
    try:
        check_ceilings(network, (0,) * len(network.species))
    except UnsupportedError:
        return False
    return True


def endless(network: Network, tops: Sequence[Real | None]) -> list[str]:
    """The laws, in words, of which no largest value was found."""
    pairs = zip(network.reactions, tops, strict=True)
    return [r.law_in_words for r, top in pairs if top is not None and not top < np.inf]
