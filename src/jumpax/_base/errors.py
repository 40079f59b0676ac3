"""Exceptions of jumpax: each message names the thing and the remedy."""

import difflib
from collections.abc import Iterable


class JumpaxError(Exception):
    """Base of all exceptions that jumpax raises on purpose."""


class InputError(JumpaxError, ValueError):
    """Something given by the caller is wrong; found before anything is compiled."""


class TooLargeError(InputError, MemoryError):
    """What was asked for does not fit into memory; nothing was started."""


class SimulationError(JumpaxError, RuntimeError):
    """A path could not be continued; the message names path, reaction, state and time."""


class UnsupportedError(JumpaxError, NotImplementedError):
    """The combination asked for is refused by name rather than approximated."""


class JumpaxWarning(UserWarning):
    """A doubt about a model or a result, or word of a long wait, that does not stop the work."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Sentence for an unknown name: the known ones and the nearest match."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}; known: {', '.join(names) or 'none'}.{hint}"
