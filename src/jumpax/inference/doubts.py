"""What is to be doubted about a fit, in words, and whether it has converged."""

from collections.abc import Mapping, Sequence

from jumpax.inference.combinations import Combination
from jumpax.inference.conclude import Conclusion
from jumpax.inference.result import Run
from jumpax.inference.uncertainty import Uncertainty

FAR = 1.0
"""Standard errors from the least loss beyond which a fit has not converged."""


def doubts(left: Uncertainty, ending: Conclusion, run: Run) -> dict[str, str]:
    """All doubts by their kind.

    Parameters are `undetermined` by the data or `unresolved` by the paths; `simulation` errors exceed standard errors; the
    search stopped at a `distance` from the least loss. (`fit` adds `misfit`, and `starts` that were given up.)
    """
    found = {
        "undetermined": undetermined(left.undetermined, left.determined),
        "unresolved": unresolved(left.unresolved, left.determined),
    }
    if loud := [n for n, error in left.simulation_errors.items() if error > left.standard_errors[n]]:
        found["simulation"] = (
            f"the simulation error of {', '.join(loud)} exceeds the standard error: use more paths, an earlier time, or "
            "another gradient estimator."
        )
    if run.stopped and ending.distance > max(FAR, 2 * ending.loudness):
        found["distance"] = (
            f"the least loss lies about {ending.distance:.2g} standard errors from the estimate: use more steps, or more "
            "paths."
        )
    return {kind: text for kind, text in found.items() if text}


def undetermined(names: Sequence[str], known: Sequence[Combination]) -> str:
    """That the data do not determine parameters; nothing if there are none."""
    if not names:
        return ""
    also = f" They do determine {', '.join(map(str, known))}." if known else ""
    return (
        f"the data do not determine {', '.join(names)}: the loss is flat there, or next to it.{also} Fix one of them, or "
        "bound it with a profile."
    )


def unresolved(names: Sequence[str], known: Sequence[Combination]) -> str:
    """That the paths leave parameters open; nothing if there are none."""
    if not names:
        return ""
    also = f" The data do determine {', '.join(map(str, known))}." if known else ""
    return (
        f"the paths are too few to tell whether the data determine {', '.join(names)}.{also} Use more paths, or the master "
        "equation (MasterEquation, or [exact] in a file)."
    )


def outcome(run: Run, doubted: Mapping[str, str]) -> tuple[bool, str]:
    """Whether a fit has converged, and why it ended or what is missing."""
    missing = [text for kind, text in doubted.items() if kind not in ("undetermined", "starts", "misfit")]
    if run.stopped and missing:
        return False, missing[0]
    return run.stopped, run.reason
