"""All genes of the demonstration: fit, exact answer, and the bound on what the counts do not determine."""

import dataclasses
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax.demo.bursting import START_POINTS, bursting, expected_events
from jumpax.demo.counts import GENES, load_counts
from jumpax.inference import FitResult, MasterEquation, Profile, SignalToNoise, Simulation, profile
from jumpax.inference.fit import quiet_fit

FOUND = ("burst_frequency", "burst_size")
EXACT = MasterEquation({"M": 700})
K_OFF_GRID = (3.0, 8.0, 20.0, 50.0, 150.0, 500.0, 3e3, 1e5)
"""The last is instantaneous bursts to all purposes: the supremum of the likelihood where it has no maximum."""
AVERAGE = 30
"""Iterates that are averaged."""
MISFIT = "one promoter alone does not explain all counts; the area of cells and the time of day are not modelled"
Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class GeneFit:
    """What was found for one gene."""

    name: str
    counts: Int[np.ndarray, " cells"]
    fit: FitResult
    """By simulation."""
    exact: FitResult
    """By the master equation, with the same data and model."""
    without: FitResult | None
    """The exact answer without the cells that no simulated path reached, if there are any."""
    k_off: Profile
    """Profile likelihood of `k_off`, from the master equation."""
    events: float
    """Events simulated for the fit: their expectation at the parameters of each step."""

    def deviations(self) -> dict[str, float | None]:
        """Fit less exact, in standard errors of the fit; None where the fit has none."""
        errors = self.fit.standard_errors
        return {
            n: (self.fit.estimates[n] - self.exact.estimates[n]) / errors[n] if np.isfinite(errors[n]) else None
            for n in FOUND
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "cells": len(self.counts),
            "fit": {n: self.fit.estimates[n] for n in FOUND},
            "se": {n: self.fit.standard_errors[n] for n in FOUND},
            "simulation_error": {n: self.fit.simulation_errors[n] for n in FOUND},
            "exact": {n: self.exact.estimates[n] for n in FOUND},
            "deviation_in_se": self.deviations(),
            "k_off": {
                "fixed_at": self.fit.estimates["k_off"], "lower": self.k_off.lower, "upper": self.k_off.upper,
                "one_sided": self.k_off.one_sided, "confidence": self.k_off.confidence, "text": str(self.k_off),
            },
            "unreached": {
                "cells": self.fit.notes["unreached_cells"], "counts": self.fit.notes["unreached_counts"],
                "smoothing": self.fit.notes["smoothing"],
                "exact_without": None if self.without is None else {n: self.without.estimates[n] for n in FOUND},
            },
            "converged": self.fit.converged,
            "warnings": list(self.fit.doubts.values()),
            "steps": len(self.fit.history.loss),
            "seconds": round(self.fit.seconds, 3),
            "events": round(self.events),
        }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Demo:
    """The whole demonstration."""

    genes: tuple[GeneFit, ...]
    settings: Mapping[str, Any]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "genes": [gene.to_dict() for gene in self.genes],
            "settings": dict(self.settings),
            "seconds": round(self.seconds, 3),
            "provenance": dict(self.genes[0].fit.provenance) if self.genes else {},
        }


def run_demo(
    genes: Sequence[str] = tuple(GENES),
    *,
    time_of_day: float | None = None,
    start: int = 0,
    seed: int = 0,
    paths: int = 24_000,
    tell: Tell = lambda text: None,
    progress: bool | Callable[..., None] = False,
) -> Demo:
    """Fit bursty transcription to the counts of each gene by exact simulation with score-function gradients.

    Beside each fit stands the maximum of the exact likelihood from the master equation, and a 95 % bound on `k_off`. The
    bound comes from the master equation too: noise in a simulated likelihood of thousands of cells, about
    sqrt(cells x bins / paths), is larger than the drop of 1.35 that decides.

    Args:
        genes: some of `GENES`.
        time_of_day: one time alone, in hours; default all times pooled.
        start: which of the three `START_POINTS`.
        seed: of the random numbers.
        paths: simulated per step.
        tell: told what is done next.
        progress: as in `fit`.

    Raises:
        InputError: an unknown gene, time or start point.
    """
    if not 0 <= start < len(START_POINTS):
        raise InputError(f"start must be 0 to {len(START_POINTS) - 1}; got {start}")
    if not genes:
        raise InputError("genes must name at least one gene")
    begin, done = time.perf_counter(), []
    data = {name: load_counts(name, time_of_day) for name in genes}
    for name, counts in data.items():
        tell(f"{name}: {len(counts)} cells")
        done.append(_gene(name, counts, start, seed, paths, progress))
        _doubts(done[-1], tell)
    settings = {
        "time": time_of_day, "start": dict(START_POINTS[start]), "start_number": start, "seed": seed, "paths": paths
    }  # fmt: skip
    return Demo(tuple(done), settings, time.perf_counter() - begin)


def _gene(name: str, counts: np.ndarray, start: int, seed: int, paths: int, progress: Any) -> GeneFit:
    problem = bursting(counts, Simulation(paths, exact=False), START_POINTS[start])  # what is shown is simulation
    found = quiet_fit(problem, key=seed, average=AVERAGE, stopping=SignalToNoise(after=AVERAGE + 20), progress=progress)
    guess = _from_moments(counts)
    problem = bursting(counts, EXACT, guess)
    exact, without = quiet_fit(problem), None
    if missed := found.notes["unreached_counts"]:
        without = quiet_fit(bursting(counts[~np.isin(counts, missed)], EXACT, guess))
    bound = profile(problem.starting({n: exact.estimates[n] for n in FOUND}), "k_off", K_OFF_GRID, refine=3)
    return GeneFit(name, counts, found, exact, without, bound, _events(found))


def _doubts(gene: GeneFit, tell: Tell) -> None:
    """A misfit is no surprise here, and told in the words of the demonstration; all else is a warning."""
    for kind, text in gene.fit.doubts.items():
        if kind == "misfit":
            shown = gene.fit.goodness[0]
            tell(f"{gene.name}: {shown.statistic} {shown.value:.0f} for {shown.degrees} degrees of freedom: {MISFIT}")
        else:
            warnings.warn(f"{gene.name}: {text}", JumpaxWarning, stacklevel=3)


def _from_moments(counts: np.ndarray) -> dict[str, float]:
    """Frequency and size of instantaneous bursts with the mean and the variance of the counts."""
    size = max(counts.var() / counts.mean() - 1, 0.1)
    return {"burst_frequency": float(counts.mean() / size), "burst_size": float(size)}


def _events(found: FitResult) -> float:
    """Expected number of events over all steps and the final evaluations."""
    per_step = found.provenance["paths_per_step"]
    mean = float(np.asarray(found.expected)[0] @ np.arange(found.expected.shape[-1]))
    steps = [expected_events(*row, mean=row[0] * row[1]) for row in found.history.values]
    last = expected_events(*(found.estimates[n] for n in FOUND), mean=mean)
    return per_step * (sum(steps) + found.provenance["final"] * last)
