"""Everything that is wrong with a file, gathered and told at once."""

import contextlib
import re
from collections.abc import Iterable, Iterator

from jumpax._base.errors import TOLD, InputError, UnsupportedError

_MOST = 500
"""Elements with the same fault that are named."""
_ELEMENT = re.compile(r"(?:line \d+: )?[^:;]*")
_SPECIAL = re.compile(r"line \d+|'[^']*'|\d[\w.,+-]*")


class Faults:
    """What is wrong with a file (`wrong`) and what is right but not read (`unread`), by the element it is about."""

    def __init__(self):
        self.wrong: list[str] = []
        self.unread: list[str] = []

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.wrong) + len(self.unread)

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Note what is raised inside, as a fault of `what`."""
        try:
            yield
        except (InputError, UnsupportedError) as fault:
            self.note(what, fault)

    def note(self, what: str, fault: InputError | UnsupportedError) -> None:
        """Note what was raised, as a fault of `what`."""
        (self.unread if isinstance(fault, UnsupportedError) else self.wrong).append(f"{what}: {fault}")

    def tell(self, origin: str) -> None:
        """Raise if there is something.

        Raises:
            UnsupportedError: something is not read; the message has everything.
            InputError: all of it is wrong.
        """
        everything = [*_by_kind((*self.wrong, *self.unread))]
        if everything:
            kind = UnsupportedError if self.unread else InputError
            raise kind(f"{origin} cannot be used:\n" + "\n".join(f"- {fault}" for fault in everything))


def _by_kind(faults: Iterable[str]) -> Iterator[str]:
    """All of them: the first of each kind in full, of the others the elements."""
    kinds: dict[str, list[str]] = {}
    for fault in dict.fromkeys(faults):
        kinds.setdefault(_SPECIAL.sub("", fault), []).append(fault)
    for found in kinds.values():
        yield from found[:TOLD]
        if rest := found[TOLD:]:
            elements = [_ELEMENT.match(fault).group() for fault in rest]  # type: ignore[union-attr]
            more = f", and {len(rest) - _MOST:,} others" if len(rest) > _MOST else ""
            yield f"and {len(rest):,} more of that kind: {', '.join(elements[:_MOST])}{more}"
