"""Which adjoint belongs to an estimator."""

from typing import Literal, TypeAlias

from jumpax._base.errors import UnsupportedError
from jumpax.folds.relaxation import Relaxation
from jumpax.gradients.reverse.steps import Method
from jumpax.gradients.reverse.sweep import SMALL
from jumpax.gradients.straight_through import StraightThrough
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent

Observed: TypeAlias = Literal["averages", "times", "events"]
USUAL = 0.3
"""The reach of the tangent unless somebody says otherwise."""


def method_of(estimator: object, species: int, observed: Observed) -> Method:
    """The adjoint of an estimator.

    The flow of the trapezoidal tangent is followed by Taylor series of order 4; with its usual reach, in networks of more than
    32 species, by a rule of order 2, since waits are short there.

    Args:
        estimator: `TrapezoidalTangent` or `StraightThrough`.
        species: how many there are.
        observed: time averages, or counts at times or after numbers of events.

    Raises:
        UnsupportedError: there is none, for such observables.
    """
    if not isinstance(estimator, TrapezoidalTangent | StraightThrough):
        raise UnsupportedError(
            f"{estimator!r} has no reverse mode: take TrapezoidalTangent(reverse=True) or StraightThrough(..., reverse=True)"
        )
    if estimator.control is not None:
        raise UnsupportedError("controls are not available in reverse mode: leave out control=...")
    if isinstance(estimator, TrapezoidalTangent):
        if observed == "events":
            raise UnsupportedError(
                "TrapezoidalTangent differentiates at fixed times: use times=... instead of steps=..."
            )
        rough = species > SMALL and estimator.reach == USUAL
        return Method(None, 2, 0.15) if rough else Method(None, 4, estimator.reach)
    if estimator.relaxation == "conditional":
        raise UnsupportedError(
            "the relaxation 'conditional' is not available in reverse mode; its limit of low temperature is 'reinmax'"
        )
    if not estimator.waiting_times:
        raise UnsupportedError("waiting_times=False is not available in reverse mode: leave it out")
    if observed == "times" and estimator.horizon not in ("state", "exact"):
        raise UnsupportedError(
            f"the horizon {estimator.horizon!r} is not available in reverse mode; take horizon='exact', or averages over times, "
            "TimeAverage(...), which need none"
        )
    exact = observed == "times" and estimator.horizon == "exact"
    return Method(Relaxation(estimator.relaxation, estimator.temperature), exact=exact)
