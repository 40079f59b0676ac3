"""Events: what happens at once when a condition comes true."""

from dataclasses import dataclass
from typing import final

from jumpax.importers.expression import Expression, names, text


@final
@dataclass(frozen=True)
class Event:
    """Assignments that are carried out at the moment at which a condition turns from false to true.

    Attributes:
        name: how it is called.
        trigger: a truth value.
        assignments: new values of counts and parameters; all right sides are read before anything is assigned.
        priority: of several events at one moment the one with the largest goes first, of equal ones one by chance; those
            without go last, in the order of the file.
        persistent: whether it happens although another event at that moment has made its trigger false again.
        initially: whether its trigger counts as true before the start, so that being true at the start is no change.
        early: whether the right sides are read at the moment of the trigger, before other events of that moment.
    """

    name: str
    trigger: Expression
    assignments: tuple[tuple[str, Expression], ...]
    priority: Expression | None = None
    persistent: bool = True
    initially: bool = True
    early: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """All that it reads or assigns."""
        read = (self.trigger, *(value for _, value in self.assignments), *((self.priority,) if self.priority else ()))
        assigned = tuple(name for name, _ in self.assignments)
        return tuple(dict.fromkeys((*assigned, *(name for expression in read for name in names(expression)))))

    def __str__(self) -> str:
        done = ", ".join(f"{name} = {text(value)}" for name, value in self.assignments)
        return f"{done} when {text(self.trigger)}"
