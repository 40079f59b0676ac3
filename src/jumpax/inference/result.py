"""What a fit found."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int, PyTree

from jumpax._base.labelled import Labelled
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax._base.types import Real
from jumpax.inference.combinations import Combination
from jumpax.inference.fit_labels import labelled
from jumpax.inference.goodness import Goodness, lines
from jumpax.inference.losses.compared import Compared
from jumpax.inference.profile import Profile

_FEW = 6
"""Parameters that a line has."""


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
    stopped: bool
    """By its rule: not because all steps were used, nor by Ctrl-C."""
    history: History
    halved: int = 0
    """How often a step was halved, because it led where paths could not be followed or there was no law."""


class Search(NamedTuple):
    """How a fit with a budget has searched."""

    budget: int
    """Most paths."""
    paths: Int[np.ndarray, " visits"]
    """Paths drawn until then."""
    values: Float[np.ndarray, "visits free"]
    """The best free parameters after so many paths."""
    loss: Float[np.ndarray, " visits"]
    """There; NaN where it was not evaluated, as before the estimate begins."""
    loss_error: Float[np.ndarray, " visits"]
    lost: int
    """Paths that could not be followed, most of them where the model explodes."""
    candidates: int
    """Places that were followed downhill."""
    others: tuple[dict[str, float], ...]
    """Other places that explain the data as well, as far as their paths tell."""
    misfit: float
    """Least loss that is likely at the best place, over what the scatter of the data gives on average."""
    explained: bool
    """Whether the data are explained, by paths at the estimate and by goodness of fit."""
    mean_field: tuple[dict[str, float], ...] = ()
    """Places where the mean field, which is approximate, explains the data best; candidates began there, or where a few paths led
    from there."""
    mean_field_fault: str = ""
    """Why the mean field was not asked, though it was wanted."""


@final
@dataclasses.dataclass(frozen=True)
class FitResult(AbstractResult):
    """Estimates with their uncertainties, and how they came about. `print` shows a table.

    As a table it has a row for each parameter: `parameter`, `estimate`, `standard_error`, `lower` and `upper` (95 %), `simulation_error`,
    `role` (free, fixed, derived, undetermined, unresolved) and `unit`.
    """

    free: tuple[str, ...]
    estimates: Mapping[str, float]
    """Every named parameter: free, fixed, derived."""
    standard_errors: Mapping[str, float]
    """From the Fisher information; 0 for fixed parameters, infinite for what the data do not determine, NaN for what too few
    paths leave open."""
    simulation_errors: Mapping[str, float]
    """What other random paths would change in the estimates; infinite and NaN as above."""
    intervals: Mapping[str, tuple[float, float]]
    """95 % intervals of the free parameters, within their bounds; those bounds themselves for what the data do not determine."""
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
    """Whether the search stopped by its rule, near the least loss, with simulation errors that the paths resolve and that do
    not exceed the standard errors."""
    reason: str
    """Why the best run stopped; or, where that was not at the end, what is missing."""
    undetermined: tuple[str, ...]
    """What the data do not determine: the information is known to be 0 there or next to it, or the profile has an open end."""
    unresolved: tuple[str, ...]
    """What too few paths leave open."""
    determined: tuple[Combination, ...]
    """Combinations that the data do determine, if there are parameters that they do not."""
    doubts: Mapping[str, str]
    """All warnings about the result, by kind."""
    notes: Mapping[str, Any]
    """From the loss: cells, smoothing, cells that no path reached."""
    expected: PyTree[Real]
    """What is compared with the data, at the estimate, with a leading axis of times; of `Conditions`, by condition."""
    units: Mapping[str, str]
    paths: float
    """Simulated altogether; infinite for exact expectations."""
    seconds: float
    provenance: Mapping[str, Any]
    goodness: tuple[Goodness, ...] = ()
    """Whether the data scatter about the fit as they should: of all data sets together, if there are several, then of each."""
    search: Search | None = None
    """Of a fit with a budget."""
    profiles: Mapping[str, Profile] = dataclasses.field(default_factory=dict)
    """By parameter, where there are some: its interval is that of its profile."""
    compared: Mapping[str, tuple[Compared, ...]] = dataclasses.field(default_factory=dict)
    """Data beside what is fitted to them, by condition, where they have a picture."""

    @property
    def history(self) -> History:
        """Steps of the best run."""
        return self.runs[self.best].history

    def role(self, name: str) -> str:
        """Of a parameter: `free`, `undetermined` or `unresolved` if it is free and the data or the paths leave it open, `fixed`, `derived`."""
        if name in self.free:
            return "undetermined" if name in self.undetermined else "unresolved" if name in self.unresolved else "free"
        return "derived" if self.standard_errors[name] or self.simulation_errors[name] else "fixed"

    def labelled(self) -> Labelled:
        """Estimates along `parameter`, the history of all starts along `start` and `step`, a search with a budget along `visit`, profiles along `profile`."""
        return labelled(self)

    def plot(
        self,
        predicted: object = None,
        *,
        most: int = 12,
        units: Mapping[str, str] | None = None,
    ) -> Figure:
        """All data beside what was fitted to them, and profiles; where there are neither, loss and parameters step by step: see `jumpax.plots.fit`.

        Args:
            predicted: bands of `jumpax.inference.predictive`; of conditions by condition.
            most: panels of data.
            units: default those of the network.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").fit(self, predicted, most=most, units=units)

    def glance(self) -> Glance:
        """Table, summary and picture."""
        return Glance(self.table(), self.summary(), self.plot)

    def __repr__(self) -> str:
        how = "interrupted" if self.interrupted else "converged" if self.converged else "not converged"
        shown = ", ".join(f"{name} {self.shown(name)}" for name in self.free[:_FEW])
        more = f" and {len(self.free) - _FEW:,} more" if len(self.free) > _FEW else ""
        return f"FitResult({shown}{more}; {how}, loss {self.loss:.6g})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not finite becomes None."""
        return {
            "estimates": _plain(self.estimates),
            "standard_errors": _plain(self.standard_errors),
            "simulation_errors": _plain(self.simulation_errors),
            "intervals": {n: [_finite(end) for end in ends] for n, ends in self.intervals.items()},
            "units": dict(self.units),
            "undetermined": list(self.undetermined),
            "unresolved": list(self.unresolved),
            "determined": [combination._asdict() for combination in self.determined],
            "loss": _finite(self.loss),
            "loss_error": _finite(self.loss_error),
            "goodness": [one.to_dict() for one in self.goodness],
            "converged": self.converged,
            "reason": self.reason,
            "warnings": list(self.doubts.values()),
            "interrupted": self.interrupted,
            "runs": [
                {"start": _plain(r.start), "end": _plain(r.end), "loss": _finite(r.loss), "steps": len(r.history.loss),
                 "reason": r.reason}
                for r in self.runs
            ],
            "search": self._searched,
            "profiles": {name: profile.to_dict() for name, profile in self.profiles.items()},
            "notes": dict(self.notes),
            "paths": _finite(self.paths),
            "seconds": round(self.seconds, 3),
            "provenance": dict(self.provenance),
        }  # fmt: skip

    @property
    def _searched(self) -> dict[str, Any] | None:
        if self.search is None:
            return None
        found = self.search
        trace = [
            {"paths": int(paths), "values": _plain(dict(zip(self.free, values.tolist(), strict=True)))}
            for paths, values in zip(found.paths, found.values, strict=True)
        ]
        return {
            "budget": found.budget, "trace": trace, "lost": found.lost, "candidates": found.candidates,
            "others": [_plain(other) for other in found.others], "misfit": _finite(found.misfit), "explained": found.explained,
            "mean_field": [_plain(place) for place in found.mean_field],
            "mean_field_fault": found.mean_field_fault,
        }  # fmt: skip

    def shown(self, name: str) -> str:
        """One estimate with its standard error, in words."""
        error, said = self.standard_errors[name], self._said
        return f"{self.estimates[name]:.4g}" + (f", {said[name]}" if name in said else f" ± {error:.2g}")

    @property
    def _said(self) -> dict[str, str]:
        return dict.fromkeys(self.undetermined, "not determined") | dict.fromkeys(self.unresolved, "not resolved")

    def table(self) -> dict[str, list[str]]:
        """Columns of a table of the estimates, in words."""
        names = list(self.estimates)
        errors, noise, spans = self.standard_errors, self.simulation_errors, self.intervals
        fixed = {n for n in names if not errors[n] and not noise[n]}
        return {
            "parameter": names,
            "estimate": [f"{self.estimates[n]:.5g}" for n in names],
            "standard error": ["fixed" if n in fixed else self._said.get(n, _error(errors[n])) for n in names],
            "95 % interval": [_span(*spans[n]) if n in spans else "" for n in names],
            "simulation": [f"{noise[n]:.1g}" if n not in fixed and np.isfinite(noise[n]) else "" for n in names],
            "unit": [self.units.get(n, "") for n in names],
        }

    def summary(self) -> list[str]:
        """What belongs below that table: how the fit ended, what was found about the data, doubts."""
        how = "interrupted" if self.interrupted else "converged" if self.converged else "not converged"
        told = [f"loss {self.loss:.6g} ± {self.loss_error:.2g}; {how}: {self.reason}; {self.seconds:.1f} s"]
        told += lines(self.goodness)
        told += [f"{key.replace('_', ' ')}: {value}" for key, value in self.notes.items() if value not in ([], "")]
        return told + [f"warning: {text}" for text in self.doubts.values() if text != self.reason]

    def __str__(self) -> str:
        """Table of the estimates, and how the fit ended."""
        rows = [(name, *cells) for name, cells in self.table().items()]
        widths = [max(map(len, row)) for row in rows]
        shown = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in zip(*rows, strict=True)
        ]
        return "\n".join(shown + self.summary())


def _error(error: float) -> str:
    return f"{error:.2g}" if np.isfinite(error) else "see the interval"


def _span(low: float, high: float) -> str:
    """An interval; what has no end is left out."""
    if np.isnan(low):
        return "not resolved"
    if np.isinf(high):
        return "not bounded" if np.isinf(low) else f"> {low:.3g}"
    return f"< {high:.3g}" if np.isinf(low) else f"{low:.3g} to {high:.3g}"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in values.items()}
