"""What a fit found."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


class History(NamedTuple):
    """Every step of one start."""

    loss: Float[np.ndarray, " steps"]
    loss_error: Float[np.ndarray, " steps"]
    gradient: Float[np.ndarray, "steps free"]
    """On the unconstrained scale."""
    gradient_error: Float[np.ndarray, "steps free"]
    unconstrained: Float[np.ndarray, "steps free"]
    values: Float[np.ndarray, "steps free"]
    """The free parameters themselves."""


class Run(NamedTuple):
    """One start and where it ended."""

    start: dict[str, float]
    end: dict[str, float]
    loss: float
    loss_error: float
    reason: str
    """Why it stopped."""
    history: History


@dataclasses.dataclass(frozen=True)
class FitResult:
    """Estimates with their uncertainties, and how they came about. `print` shows a table."""

    free: tuple[str, ...]
    estimates: Mapping[str, float]
    """Every named parameter: free, fixed, derived."""
    standard_errors: Mapping[str, float]
    """From the Fisher information; 0 for fixed parameters, infinite for what the data do not determine."""
    simulation_errors: Mapping[str, float]
    """What other random paths would change in the estimates."""
    intervals: Mapping[str, tuple[float, float]]
    """95 % intervals of the free parameters, within their bounds."""
    information: Float[np.ndarray, "free free"]
    """Fisher information on the unconstrained scale."""
    unconstrained: Float[np.ndarray, " free"]
    loss: float
    """Minus the log-likelihood, up to a constant."""
    loss_error: float
    runs: tuple[Run, ...]
    best: int
    """Which of the runs is reported."""
    interrupted: bool
    converged: bool
    undetermined: tuple[str, ...]
    notes: Mapping[str, Any]
    """From the loss: cells, smoothing, cells that no path reached."""
    expected: Any
    """The observable at the estimate, with a leading axis of times."""
    units: Mapping[str, str]
    paths: float
    """Simulated altogether; infinite for exact expectations."""
    seconds: float
    provenance: Mapping[str, Any]

    @property
    def history(self) -> History:
        """Steps of the best run."""
        return self.runs[self.best].history

    @property
    def reason(self) -> str:
        """Why the best run stopped."""
        return self.runs[self.best].reason

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; infinite numbers become None."""
        return {
            "estimates": _plain(self.estimates),
            "standard_errors": _plain(self.standard_errors),
            "simulation_errors": _plain(self.simulation_errors),
            "intervals": {n: [_finite(end) for end in ends] for n, ends in self.intervals.items()},
            "units": dict(self.units),
            "undetermined": list(self.undetermined),
            "loss": _finite(self.loss),
            "loss_error": _finite(self.loss_error),
            "converged": self.converged,
            "interrupted": self.interrupted,
            "runs": [
                {"start": _plain(r.start), "end": _plain(r.end), "loss": _finite(r.loss), "steps": len(r.history.loss),
                 "reason": r.reason}
                for r in self.runs
            ],
            "notes": dict(self.notes),
            "paths": _finite(self.paths),
            "seconds": round(self.seconds, 3),
            "provenance": dict(self.provenance),
        }  # fmt: skip

    def __str__(self) -> str:
        """Table of the estimates, and how the fit ended."""
        rows = [("parameter", "estimate", "standard error", "simulation", "unit")]
        for name, value in self.estimates.items():
            error, noise = self.standard_errors[name], self.simulation_errors[name]
            if not error and not noise:
                rows.append((name, f"{value:.5g}", "fixed", "", self.units.get(name, "")))
            else:
                shown = "not determined" if np.isinf(error) else f"{error:.2g}"
                rows.append((name, f"{value:.5g}", shown, f"{noise:.1g}", self.units.get(name, "")))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        how = "interrupted" if self.interrupted else "converged" if self.converged else "not converged"
        lines.append(f"loss {self.loss:.6g} ± {self.loss_error:.2g}; {how}: {self.reason}; {self.seconds:.1f} s")
        lines += [f"{key.replace('_', ' ')}: {value}" for key, value in self.notes.items() if value not in ([], "")]
        return "\n".join(lines)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in values.items()}
