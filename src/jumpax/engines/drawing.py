"""What events draw: random numbers in their new values, in the order in which they are read.

Where a path stands, one try is made of all numbers that are wanted there. If one of them is rejected, nothing happens, and the
next turn of the events tries that one again with the next words; the others are kept. So there is no loop in what is printed, a
path depends on its key and its index alone, and each number has its law, whatever the others are or read.
"""

import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import deviates, random
from jumpax._base.types import Count, Flag, Real
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


class Tries(NamedTuple):
    """Where the draws of a lane stand."""

    stream: random.Stream
    many: Count
    """How often in a row one of them has been rejected."""
    values: tuple[Real, ...]
    """What was drawn last."""
    kept: tuple[Flag, ...]
    """Which of these have been accepted where others have not."""


class Try(NamedTuple):
    """One try of one draw."""

    value: Real
    accepted: Flag
    sound: Flag
    """Whether there is such a law, as far as is known."""


def untried(draws: Sequence[Drawn], stream: random.Stream, nothing: Real) -> Tries:
    """At the start of a path."""
    none = nothing != nothing
    return Tries(stream, jnp.zeros_like(none, np.int32), (nothing,) * len(draws), (none,) * len(draws))


def tried(
    draws: Sequence[Drawn], tries: Tries, read: Callable[[Expression, dict[str, Real]], Any], dtype: Any
) -> tuple[dict[str, Try], random.Stream]:
    """One try of all draws that are not kept.

    Args:
        draws: what is drawn.
        tries: where they stand.
        read: the value of an expression in the present state, given what was drawn before.
        dtype: of the numbers.

    Returns:
        What was drawn, by name; and the stream after it.
    """
    made: dict[str, Try] = {}
    stream = tries.stream
    for drawn, value, kept in zip(draws, tries.values, tries.kept, strict=True):
        words = []
        for _ in range(deviates.WORDS):
            word, stream = random.draw(stream)
            words.append(word)
        known = {name: one.value for name, one in made.items()}
        *numbers, low, high = [read(argument, known) for argument in drawn.draw.arguments]
        new = _sampled(drawn.draw.law, dtype, words, low, high, numbers)
        before = [made[name].accepted for name in names(drawn.draw) if name in made]
        there = functools.reduce(operator.and_, before, kept | ~kept)  # a law of a number that is rejected is none yet
        value = jnp.where(kept, value, new.value)
        made[drawn.name] = Try(value, kept | (there & new.accepted), kept | ~there | new.sound)
    return made, stream


@functools.partial(jax.jit, static_argnums=(0, 1))
def _sampled(law: str, dtype: Any, words: list[Any], low: Any, high: Any, numbers: list[Any]) -> deviates.Deviate:
    """One try of one draw; compiled, for the reference engine, which runs it outside of a program."""
    return LAWS[law].sample(deviates.chance_of(words, dtype), low, high, *numbers).between(low, high)


def wanted(events: Sequence[Event], draws: Sequence[Drawn], rose: Sequence[Any], chosen: Sequence[Any]) -> list[Any]:
    """Which draws are read now: when the trigger of their event has come true, if it is early, or when it is carried out."""
    return [(rose if events[drawn.event].early else chosen)[drawn.event] for drawn in draws]
