"""Status of a path: one code inside kernels, one message at the Python border."""

import enum


class Status(enum.IntEnum):
    """How a path ended; codes of `FAULTS` are raised at the Python border unless `throw=False`."""

    PARKED = -1
    """Stands at its next stop, or its fold wants nothing more of it; inside a run only."""
    RUNNING = 0
    """Inside a run only."""
    REACHED = 1
    """The last stop was reached."""
    ABSORBED = 2
    """All propensities became zero; the state is held, and time runs on, to the last stop."""
    DONE = 3
    """A fold ended the path early."""
    EVENT_BUDGET = 4
    """`max_events` reactions fired before the last stop."""
    BAD_PROPENSITY = 5
    """A propensity was negative or not finite."""
    NEGATIVE_COUNT = 6
    """A reaction fired without the molecules that it consumes."""
    COUNT_OVERFLOW = 7
    """A count passed 2^31 - 1."""
    TIME_STALLED = 8
    """A wait was too short to move the clock."""
    BOUND_BROKEN = 9
    """The total propensity exceeded the bound given for time-dependent rates."""

    FAULTY = 10
    """Something is wrong, not yet told what; inside a run only."""
    QUEUE_FULL = 11
    """More delayed reactions, or executions of an event with a delay, were under way than the queue holds."""
    EVENT_STORM = 12
    """Events made each other true again and again at one moment."""
    BAD_ASSIGNMENT = 13
    """An event set a count to something that is no whole number in range."""
    INEXACT_COUNT = 14
    """An event reads a count beyond 2^24 in float32, which does not hold each of them."""
    BAD_DELAY = 15
    """The delay of an event was negative, or not a number."""
    BAD_DRAW = 16
    """An event drew from a law that does not exist, or hardly ever between the bounds given."""

    FLOW_BROKEN = 17
    """A continuous variable went to infinity, or where its rate or a propensity is no number."""
    STEP_BUDGET = 18
    """A million steps of the flow, 2^20, were tried since the last reaction or event: it is too stiff, or its rate is rounding errors alone."""

    @property
    def is_fault(self) -> bool:
        """Whether values after the end of the path are missing."""
        return self >= Status.EVENT_BUDGET


FIRST_FAULT = int(Status.EVENT_BUDGET)
