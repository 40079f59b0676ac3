"""Who is told how far a work is."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

from jumpax._base.result import room


class Step(Protocol):
    """What is told: one line for people by `str`, and how much of the work is done."""

    @property
    def share(self) -> float:
        """Of the work, from 0 to 1; it may end earlier."""
        ...


Told: TypeAlias = Callable[[Any], None]


@contextlib.contextmanager
def telling(progress: bool | Told) -> Iterator[Told]:
    """A function to tell steps to: nobody, a bar on the screen as long as the work lasts, or the one given."""
    if callable(progress):
        yield progress
    elif progress:
        with room("results.progress").bar() as tell:
            yield tell
    else:
        yield lambda told: None
