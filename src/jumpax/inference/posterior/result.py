"""What is known of parameters after the data: draws of a posterior."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, final

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax.inference.posterior.diagnostics import Trust, arviz, trust

QUANTILES = (0.05, 0.5, 0.95)


@final
@dataclasses.dataclass(frozen=True)
class Posterior(AbstractResult):
    """Draws of all parameters by several chains, with what tells how far they can be trusted. `print` shows a table.

    As a table it has a row for each chain and draw: `chain`, `draw`, a column for each parameter, and then what the method tells of the
    draw. Its netCDF file has the groups of ArviZ.
    """

    draws: Mapping[str, Float[np.ndarray, "chains draws"]]
    """Of each free and derived parameter, in its own units."""
    unconstrained: Float[np.ndarray, "chains draws free"]
    log_posterior: Float[np.ndarray, "chains draws"]
    """Up to a constant, on the unconstrained scale; an estimate where the likelihood is one."""
    log_likelihood: Float[np.ndarray, "chains draws"]
    sample_stats: Mapping[str, Float[np.ndarray, "chains draws"]]
    """More numbers of each draw: what the method tells of its steps."""
    method: str
    """How they were drawn, in words."""
    fixed: Mapping[str, float]
    units: Mapping[str, str]
    doubts: Mapping[str, str]
    """All warnings, by kind."""
    notes: Mapping[str, Any]
    """Particles, noise of the log-likelihood, share of accepted steps, refused points by cause, .."""
    seconds: float
    """Of drawing, without the warm-up."""
    seconds_before: float
    """Of the warm-up."""
    provenance: Mapping[str, Any]

    def __getitem__(self, name: str) -> Float[np.ndarray, "chains draws"]:
        """The draws of one parameter."""
        if name not in self.draws:
            raise InputError(unknown_name("parameter", name, self.draws))
        return self.draws[name]

    @functools.cached_property
    def trust(self) -> dict[str, Trust]:
        """R-hat and effective sample sizes of each parameter."""
        return {name: trust(draws) for name, draws in self.draws.items()}

    @property
    def chains(self) -> int:
        """How many."""
        return self.unconstrained.shape[0]

    def mean(self) -> dict[str, float]:
        """Of each parameter."""
        return {name: float(draws.mean()) for name, draws in self.draws.items()}

    def sd(self) -> dict[str, float]:
        """Standard deviation of each parameter."""
        return {name: float(draws.std(ddof=1)) for name, draws in self.draws.items()}

    def quantiles(self, *levels: float) -> dict[str, Float[np.ndarray, " levels"]]:
        """Of each parameter; default 5, 50 and 95 %."""
        return {name: np.quantile(draws, levels or QUANTILES) for name, draws in self.draws.items()}

    def least(self) -> tuple[str, float]:
        """The parameter with the fewest effective draws, and how many these are."""
        sizes = {name: one.ess_bulk for name, one in self.trust.items() if np.isfinite(one.ess_bulk)}
        if not sizes:
            return next(iter(self.draws)), float("nan")
        name = min(sizes, key=sizes.__getitem__)
        return name, sizes[name]

    def table(self) -> dict[str, list[str]]:
        """Columns of a table, in words."""
        names, spans = list(self.draws), self.quantiles()
        return {
            "parameter": names,
            "mean": [f"{value:.4g}" for value in self.mean().values()],
            "sd": [f"{value:.2g}" for value in self.sd().values()],
            "5 % to 95 %": [f"{spans[n][0]:.4g} to {spans[n][2]:.4g}" for n in names],
            "effective": [_known(self.trust[n].ess_bulk, ".0f") for n in names],
            "R-hat": [_known(self.trust[n].rhat, ".3f") for n in names],
            "unit": [self.units.get(n, "") for n in names],
        }

    def summary(self) -> list[str]:
        """What belongs below that table."""
        name, size = self.least()
        draws = self.unconstrained.shape[1]
        told = [
            f"{self.method}; {self.chains} chains of {draws} draws; {self.seconds_before:.1f} s before them, {self.seconds:.1f} s for them",
            f"{size:.0f} effective draws of {name}, the fewest: {size / max(self.seconds, 1e-9):.3g} a second",
        ]
        told += [f"{key.replace('_', ' ')}: {value}" for key, value in self.notes.items() if value not in ([], "", {})]
        return told + [f"warning: {text}" for text in self.doubts.values()]

    def __str__(self) -> str:
        """Table, and how it came about."""
        rows = [(name, *cells) for name, cells in self.table().items()]
        widths = [max(map(len, row)) for row in rows]
        shown = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in zip(*rows, strict=True)
        ]
        return "\n".join(shown + self.summary())

    def __repr__(self) -> str:
        return f"Posterior({', '.join(self.draws)}: {self.chains} chains of {self.unconstrained.shape[1]} draws, {self.method})"

    @property
    def _told_of_draws(self) -> dict[str, Float[np.ndarray, "chains draws"]]:
        return {"lp": self.log_posterior, "log_likelihood_of_all": self.log_likelihood, **self.sample_stats}

    def labelled(self) -> Labelled:
        """All draws with their names: axes `chain` and `draw`, in groups `posterior` and `sample_stats`."""
        rows = ("chain", "draw")
        if twice := [name for name in self._told_of_draws if name in self.draws]:
            raise InputError(
                f"parameters have names that stand for something else here: {', '.join(twice)}; take to_arviz()"
            )
        stats = {
            "lp": "log of the posterior density on the unconstrained scale, up to a constant",
            "log_likelihood_of_all": "log-likelihood of all data",
        }
        variables = {
            **{n: Variable(rows, draws, {"units": self.units.get(n, "")}) for n, draws in self.draws.items()},
            **{
                n: Variable(rows, np.asarray(v), {"long_name": stats.get(n, n)}) for n, v in self._told_of_draws.items()
            },
        }
        coordinates = {axis: Variable((axis,), np.arange(n)) for axis, n in zip(rows, self.log_posterior.shape)}
        about = {
            "method": self.method, "fixed": self.fixed, "warnings": "\n".join(self.doubts.values()), "notes": self.notes,
            "seconds": self.seconds, "seconds_before": self.seconds_before, **self.provenance,
        }  # fmt: skip
        groups = {"posterior": tuple(self.draws), "sample_stats": tuple(self._told_of_draws)}
        return Labelled("posterior", variables, coordinates, rows, {n: n for n in variables}, about, groups)

    def plot(self) -> Figure:
        """Chains and laws of all parameters: see `jumpax.plots.draws`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").draws(self)

    def glance(self) -> Glance:
        """Table, summary and picture."""
        return Glance(self.table(), self.summary(), self.plot)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the draws."""
        return {
            "parameters": {
                name: {
                    "mean": float(draws.mean()), "sd": float(draws.std(ddof=1)),
                    "quantiles": dict(zip(map(str, QUANTILES), np.quantile(draws, QUANTILES).tolist(), strict=True)),
                    **{key: value if np.isfinite(value) else None for key, value in self.trust[name]._asdict().items()},
                    "unit": self.units.get(name, ""),
                }
                for name, draws in self.draws.items()
            },
            "fixed": dict(self.fixed), "method": self.method, "chains": self.chains,
            "draws": self.unconstrained.shape[1], "warnings": list(self.doubts.values()), "notes": dict(self.notes),
            "seconds": round(self.seconds, 3), "seconds_before": round(self.seconds_before, 3), "provenance": dict(self.provenance),
        }  # fmt: skip

    def to_arviz(self) -> Any:
        """The same for ArviZ, with groups `posterior` and `sample_stats`, for its plots and model comparison.

        Raises:
            UnsupportedError: ArviZ is not installed.
        """
        az = arviz()
        groups = {"posterior": dict(self.draws), "sample_stats": self._told_of_draws}
        told = {
            key: str(value) if isinstance(value, bool) else value
            for key, value in self.provenance.items()
            if isinstance(value, str | int | float)
        }
        if int(az.__version__.split(".")[0]) >= 1:  # data trees
            return az.from_dict(groups, attrs={"posterior": told})
        return az.from_dict(**groups, attrs=told)


def _known(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else ""
