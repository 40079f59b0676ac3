"""Exceptions of jumpax: each message names the thing and the remedy."""

import difflib
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


class JumpaxError(Exception):
    """Base of all exceptions that jumpax raises on purpose."""


class InputError(JumpaxError, ValueError):
    """Something given by the caller is wrong; found before anything is compiled."""


class TooLargeError(InputError, MemoryError):
    """What was asked for does not fit into memory; nothing was started."""


class SimulationError(JumpaxError, RuntimeError):
    """A path could not be continued; the message names path, reaction, state and time."""


class LostError(SimulationError):
    """Another one of joined processes is gone."""


class UnsupportedError(JumpaxError, NotImplementedError):
    """The combination asked for is refused by name rather than approximated."""


class JumpaxWarning(UserWarning):
    """A doubt about a model or a result, or word of a long wait, that does not stop the work."""


LISTED, COMPARED, TOLD, FEW = 30, 2_000, 20, 5
"""Known names that are all listed, and that are compared with an unknown one; faults that are told at once, and those of one kind."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Sentence for an unknown name: the known ones and the nearest match."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1) if len(names) <= COMPARED else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}; known: {listed(names) or 'none'}.{hint}"


def listed(names: Iterable[str]) -> str:
    """Names side by side; of many the first few, and how many more there are."""
    found = [*names]
    return ", ".join(found) if len(found) <= LISTED else f"{', '.join(found[:FEW])} and {len(found) - FEW:,} more"


def first_few(what: Iterable[T], sentence: Callable[[T], str]) -> list[str]:
    """A sentence for each of the first few, and how many more there are."""
    found = list(dict.fromkeys(what))
    more = [f"and {len(found) - FEW:,} more of that kind"] if len(found) > FEW else []
    return [*map(sentence, found[:FEW]), *more]


def first_of(faults: Iterable[str]) -> list[str]:
    """The different ones; of more than twenty the first, and that there are more, which are not even asked for."""
    found: dict[str, None] = {}
    for fault in faults:
        if len(found) == TOLD and fault not in found:
            return [*found, "and more of that kind"]
        found[fault] = None
    return [*found]
