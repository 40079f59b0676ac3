"""Events: what happens at once when a condition comes true."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.given import arguments_of
from jumpax.networks.draw import drawn
from jumpax.networks.expressions.expression import (
    Draw,
    Expression,
    Given,
    Name,
    Number,
    Time,
    call,
    flag,
    has_draws,
    names,
    reads_time,
    text,
)
from jumpax.networks.laws.function import TIME

Value: TypeAlias = float | str | Callable[..., object] | Draw
"""A number, the name of a species or parameter, or a function of species, parameters and the time `t`, by the names of its
arguments; as a new value, a random number as well."""

QUEUE, MOST_QUEUED = 16, 256
"""Executions of an event that may be under way at once on one path: by default, and at most."""


@final
@dataclass(frozen=True)
class Event:
    """Assignments that are carried out at the moment at which a condition turns from false to true.

    Written by hand as `Event.at(time, ...)` or `Event.when(condition, ...)`.

    Attributes:
        name: how it is called.
        trigger: a truth value.
        assignments: new values of counts and parameters; all right sides are read before anything is assigned.
        priority: of several events at one moment the one with the largest goes first, of equal ones one by chance; those
            without go last, in the order of the file.
        persistent: whether it happens although another event at that moment has made its trigger false again.
        initially: whether its trigger counts as true before the start, so that being true at the start is no change.
        early: whether the right sides are read at the moment of the trigger, before other events of that moment.
        delay: how long after its trigger it is carried out, in units of time; read at the trigger, never negative.
        queue: with a delay, how many executions of it may be under way at once on one path; one, if it is not persistent.

    Raises:
        InputError: the delay is a negative number, or the queue is no whole number from 1 to 256.
        UnsupportedError: random numbers elsewhere than in new values.
    """

    name: str
    trigger: Expression
    assignments: tuple[tuple[str, Expression], ...]
    priority: Expression | None = None
    persistent: bool = True
    initially: bool = True
    early: bool = True
    delay: Expression | None = None
    queue: int = QUEUE

    def __post_init__(self):
        for what, part in (("trigger", self.trigger), ("priority", self.priority), ("delay", self.delay)):
            if part is not None and has_draws(part):
                raise UnsupportedError(
                    f"the {what} of the event {self.name!r} draws a random number, {text(part)}; only new values do: "
                    "let another event assign it to a parameter before"
                )
        if isinstance(self.delay, Number) and not self.delay.value >= 0:
            raise InputError(f"the delay of an event must not be negative; got {self.delay.value:g}")
        if isinstance(self.queue, bool) or not isinstance(self.queue, int) or not 1 <= self.queue <= MOST_QUEUED:
            raise InputError(
                f"the queue of an event must be a whole number from 1 to {MOST_QUEUED}; got {self.queue!r}"
            )

    @classmethod
    def at(
        cls,
        time: Value,
        do: Mapping[str, Value],
        *,
        name: str | None = None,
        priority: Value | None = None,
        delay: Value | None = None,
        persistent: bool = True,
        early: bool = False,
        queue: int = QUEUE,
    ) -> "Event":
        """What happens at one time.

        Args:
            time: a number, a parameter, or a function of parameters. Of several times each has an event of its own.
            do: new values of species and parameters; all are worked out from the state before it, then assigned. Of several events
                at one moment each finds what the ones before have left.
            name: how to call it.
            priority: of several events at one moment the one with the largest goes first.
            delay: how long after that it is carried out: a number, a parameter, or a function of species, parameters and the time
                `t`, read when the time has come.
            persistent: False if it is not carried out where other events have moved its time on meanwhile.
            early: whether new values are worked out when the time has come, not when it is carried out.
            queue: the most executions of it that are under way at once on one path.

        Examples:
            >>> import jumpax
            >>> decay = jumpax.Reaction("A -> 0", jumpax.MassAction("k"))
            >>> doses = [jumpax.Event.at(time, {"A": lambda A, dose: A + dose}) for time in (0.0, 24.0)]
            >>> network = jumpax.Network([decay], events=doses)
            >>> network.parameters
            ('k', 'dose')
            >>> paths = jumpax.simulate(network, {"k": 1.0, "dose": 100}, {"A": 0}, times=[0.0, 24.0], paths=2, key=0)
            >>> paths["A"].tolist()
            [[100, 100], [100, 100]]
        """
        when = as_expression(time, "the time of an event")
        if reads_time(when):
            raise InputError("the time of an event is a number, or a function of parameters; this one reads the time")
        return cls(
            name or f"at {text(when)}", call("ge", Time(), when), _assignments(do), _priority(priority),
            persistent=persistent, initially=False, early=early, delay=_delay(delay), queue=queue,
        )  # fmt: skip

    @classmethod
    def when(
        cls,
        condition: Callable[..., object],
        do: Mapping[str, Value],
        *,
        name: str | None = None,
        priority: Value | None = None,
        initially: bool = True,
        delay: Value | None = None,
        persistent: bool = True,
        early: bool = False,
        queue: int = QUEUE,
    ) -> "Event":
        """What happens when a condition on counts and parameters turns from false to true.

        Args:
            condition: a function of species and parameters, by the names of its arguments.
            do: as for `at`.
            name: how to call it.
            priority: as for `at`.
            initially: whether it counts as true before the start, so that being true at the start is no change.
            delay: as for `at`; read when the condition comes true.
            persistent: False if it is carried out only where its condition has been true from then on.
            early: as for `at`.
            queue: as for `at`.

        Examples:
            >>> import jumpax
            >>> growth = jumpax.Reaction("0 -> V", jumpax.MassAction("k"))
            >>> division = jumpax.Event.when(lambda V: V >= 10, {"V": lambda V: V // 2})
            >>> network = jumpax.Network([growth], events=[division])
            >>> int(jumpax.simulate(network, {"k": 5.0}, {"V": 5}, times=[9.0], paths=50, key=0)["V"].max())
            9
        """
        trigger = flag(as_expression(condition, "the condition of an event"))
        if reads_time(trigger):
            raise InputError(
                "the condition of an event reads species and parameters, not the time; for times there is Event.at"
            )
        return cls(
            name or f"when {text(trigger)}", trigger, _assignments(do), _priority(priority),
            persistent=persistent, initially=initially, early=early, delay=_delay(delay), queue=queue,
        )  # fmt: skip

    @property
    def read(self) -> tuple[str, ...]:
        """All that it reads."""
        others = [part for part in (self.priority, self.delay) if part is not None]
        parts = (self.trigger, *(value for _, value in self.assignments), *others)
        return tuple(dict.fromkeys(name for expression in parts for name in names(expression)))

    @property
    def names(self) -> tuple[str, ...]:
        """All that it reads or assigns."""
        return tuple(dict.fromkeys((*(name for name, _ in self.assignments), *self.read)))

    def __str__(self) -> str:
        done = ", ".join(f"{name} = {text(value)}" for name, value in self.assignments)
        return f"{done} when {text(self.trigger)}" + ("" if self.delay is None else f", after {text(self.delay)}")


def as_expression(value: Value, what: str) -> Expression:
    """A value as an expression."""
    if isinstance(value, Draw):
        return value
    if isinstance(value, str):
        return Time() if value == TIME else Name(value)
    if callable(value):
        return Given(value, arguments_of(value, what), what)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{what} is a number, a name or a function, not {value!r}")
    return Number(number)


def _assignments(do: Mapping[str, Value]) -> tuple[tuple[str, Expression], ...]:
    if not isinstance(do, Mapping) or not do:
        raise InputError(f"an event maps species and parameters to their new values, as in {{'A': 0}}; got {do!r}")
    return tuple((name, as_expression(value, f"the new value of {name!r}")) for name, value in do.items())


def _delay(value: Value | None) -> Expression | None:
    return None if value is None else as_expression(value, "the delay of an event")


def _priority(value: Value | None) -> Expression | None:
    return None if value is None else as_expression(value, "the priority of an event")


def draw(law: str, *arguments: Value, low: Value | None = None, high: Value | None = None) -> Draw:
    """A random number that an event assigns, drawn anew on each path and each time.

    | law | its numbers |
    |---|---|
    | `uniform` | least, most |
    | `normal` | mean, standard deviation |
    | `lognormal` | mean, standard deviation of the logarithm |
    | `exponential` | rate |
    | `gamma` | shape, scale |
    | `chisquare` | degrees of freedom |
    | `laplace`, `cauchy` | location, scale |
    | `rayleigh` | scale |
    | `poisson` | mean |
    | `binomial` | trials, probability |
    | `bernoulli` | probability |

    Exact, up to rounding. With bounds it is the law given that the number lies between them, or is one of them. Draws of one
    event are independent of each other, and of all else.

    Args:
        law: its name.
        arguments: its numbers: each a number, a name, or a function of species, parameters and the time `t`, read when the
            number is drawn.
        low: lower bound; not of `uniform` and `bernoulli`.
        high: upper bound.

    Raises:
        InputError: an unknown law, or another number of arguments.

    Examples:
        >>> import jumpax
        >>> decay = jumpax.Reaction("A -> 0", jumpax.MassAction("k"))
        >>> dose = jumpax.Event.at(1.0, {"A": jumpax.draw("poisson", "dose"), "k": jumpax.draw("normal", 1.0, 0.2, low=0.0)})
        >>> print(dose)
        A = poisson(dose), k = normal(1, 0.2, 0, inf) when time >= 1
        >>> network = jumpax.Network([decay], events=[dose])
        >>> paths = jumpax.simulate(network, {"k": 1.0, "dose": 100}, {"A": 0}, times=[1.0], paths=1000, key=0)
        >>> bool(99 < paths["A"].mean() < 101)
        True
    """
    numbers = [as_expression(value, f"a number of {law}") for value in arguments]
    if low is not None or high is not None:
        numbers += [_bound(low, -math.inf, law), _bound(high, math.inf, law)]
    return drawn(law, *numbers)


def _bound(value: Value | None, none: float, law: str) -> Expression:
    return Number(none) if value is None or value == none else as_expression(value, f"a bound of {law}")
