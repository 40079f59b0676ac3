"""Everything that is wrong with a file, gathered and told at once."""

import contextlib
from collections.abc import Iterator

from jumpax._base.errors import InputError, UnsupportedError, first_of


class Faults:
    """What is wrong with a file (`wrong`) and what is right but not read (`unread`), by the element it is about."""

    def __init__(self):
        self.wrong: list[str] = []
        self.unread: list[str] = []

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
        everything = first_of((*self.wrong, *self.unread))
        if everything:
            kind = UnsupportedError if self.unread else InputError
            raise kind(f"{origin} cannot be used:\n" + "\n".join(f"- {fault}" for fault in everything))
