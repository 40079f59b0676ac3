"""A fit and the profiles of its parameters, in agreement."""

import dataclasses
import math

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.doubts import outcome, undetermined, unresolved
from jumpax.inference.parameters import Free
from jumpax.inference.profile import Profile
from jumpax.inference.result import FitResult


def agreed(problem: AbstractProblem, result: FitResult, bound: Profile) -> FitResult:
    """A fit with what a profile says of one of its free parameters, so that the two cannot contradict each other.

    A bound takes the place of that end of the interval. Where the profile stays above the threshold beyond that end, the
    interval is open: its end is the bound of the parameter, which then counts as not determined. With two bounds it counts
    as determined, whatever the Fisher information says; its standard error stays what it was. A profile that is hidden by
    noise changes nothing but `profiles`.
    """
    result = dataclasses.replace(result, profiles={**result.profiles, bound.name: bound})
    name, free = bound.name, problem.parameters.get(bound.name)
    if name not in result.intervals or not isinstance(free, Free) or not bound.resolved:
        return result
    low, high = result.intervals[name]
    open_below = bound.lower is None and not low <= bound.values[0]
    open_above = bound.upper is None and not high >= bound.values[-1]
    low = (free.lower if open_below else low) if bound.lower is None else bound.lower
    high = (free.upper if open_above else high) if bound.upper is None else bound.upper
    inside = bound.lower is not None and bound.upper is not None
    lost = [n for n in result.undetermined if n != name or not inside]
    lost += [name] if (open_below or open_above) and name not in lost else []
    hidden = [n for n in result.unresolved if n != name or not (inside or name in lost)]
    doubted = {
        **result.doubts,
        "undetermined": undetermined(lost, result.determined),
        "unresolved": unresolved(hidden, result.determined),
    }
    doubted = {kind: text for kind, text in doubted.items() if text}
    converged, reason = outcome(result.runs[result.best], doubted)
    unknown = {name: math.inf} if name in lost else {}
    return dataclasses.replace(
        result, intervals={**result.intervals, name: (low, high)}, undetermined=tuple(lost), unresolved=tuple(hidden),
        standard_errors={**result.standard_errors, **unknown}, simulation_errors={**result.simulation_errors, **unknown},
        doubts=doubted, converged=converged, reason=reason,
    )  # fmt: skip
