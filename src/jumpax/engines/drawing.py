"""What events draw: random numbers in their new values, in the order in which they are read.

Where a path stands, one try is made of all numbers that are wanted there. If a try fails, nothing happens, and the next turn
of the events tries again with the next words: so there is no loop in what is printed, and a path depends on its key and its
index alone. All numbers of one try are accepted or thrown away together, which leaves them independent.
"""

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax

from jumpax._base import deviates, random
from jumpax._base.types import Flag, Real
from jumpax.networks.draw import LAWS
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Call, Draw, Expression, Name, names

STREAM = 6
"""Number of the random stream that events draw from."""
MOST_TRIES = 10_000
"""Tries of one draw; a law of which so little lies between its bounds is a fault."""


class Drawn(NamedTuple):
    """A number that an event draws."""

    event: int
    name: str
    """What stands for it in new values, and in draws that read it."""
    draw: Draw


def lifted(events: Sequence[Event]) -> tuple[tuple[Event, ...], tuple[Drawn, ...]]:
    """Events with names in the place of what they draw, and what that is; what another draw reads comes before it."""
    drawn: list[Drawn] = []
    made = []
    for number, event in enumerate(events):
        right = tuple((name, _lifted(value, number, drawn, {})) for name, value in event.assignments)
        made.append(dataclasses.replace(event, assignments=right) if right != event.assignments else event)
    return tuple(made), tuple(drawn)


def _lifted(value: Expression, event: int, drawn: list[Drawn], known: dict[Draw, Name]) -> Expression:
    if not isinstance(value, Call | Draw):
        return value
    if isinstance(value, Draw) and value in known:
        return known[value]
    arguments = tuple(_lifted(argument, event, drawn, known) for argument in value.arguments)
    if isinstance(value, Call):
        return Call(value.operator, arguments) if arguments != value.arguments else value
    drawn.append(Drawn(event, f"(draw {len(drawn)})", Draw(value.law, arguments)))
    made = Name(drawn[-1].name)
    if value.place:
        known[value] = made
    return made


def tried(
    draws: Sequence[Drawn], stream: random.Stream, read: Callable[[Expression, dict[str, Real]], Any], dtype: Any
) -> tuple[dict[str, Real], list[tuple[int, Flag, Flag]], random.Stream]:
    """One try of all draws.

    Args:
        draws: what is drawn.
        stream: where the words come from.
        read: the value of an expression in the present state, given what was drawn before.
        dtype: of the numbers.

    Returns:
        The numbers; of each the event, whether it is accepted, and whether there is such a law; the stream after it.
    """
    values: dict[str, Real] = {}
    kept: dict[str, Flag] = {}
    fates = []
    for event, name, draw in draws:
        words = []
        for _ in range(deviates.WORDS):
            word, stream = random.draw(stream)
            words.append(word)
        *numbers, low, high = [read(argument, values) for argument in draw.arguments]
        made = _sampled(draw.law, dtype, words, low, high, numbers)
        read_before = [kept[other] for other in names(draw) if other in kept]
        sensible = functools.reduce(operator.and_, read_before, made.accepted | ~made.accepted)
        values[name], kept[name] = made.value, made.accepted & sensible
        # whether there is a law of a number that is thrown away anyway does not matter
        fates.append((event, kept[name], made.sound | ~sensible))
    return values, fates, stream


@functools.partial(jax.jit, static_argnums=(0, 1))
def _sampled(law: str, dtype: Any, words: list[Any], low: Any, high: Any, numbers: list[Any]) -> deviates.Deviate:
    """One try of one draw; compiled, for the reference engine, which runs it outside of a program."""
    return LAWS[law].sample(deviates.chance_of(words, dtype), low, high, *numbers).between(low, high)


def wanted(events: Sequence[Event], rose: Sequence[Any], chosen: Sequence[Any]) -> Iterator[Any]:
    """For each event whether what it assigns is read now: when its trigger has come true, if it is early, or when it is carried out."""
    for event, new, done in zip(events, rose, chosen, strict=True):
        yield new if event.early else done
