"""What an audit of gradient estimators found."""

import dataclasses
import math
from typing import Any, NamedTuple, final

import numpy as np

from jumpax._base.errors import listed
from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room


class Judgement(NamedTuple):
    """One estimator on one component of the gradient."""

    estimator: str
    stop: float
    entry: str
    parameter: str
    gradient: float
    error: float
    """Standard error."""
    reference: float
    z: float
    """(gradient - reference) / error of both."""
    bias: float
    """(gradient - reference) / |reference|; with its error it is a bound, and only |z| tells whether there is any."""
    variance: float
    """Of the gradient from one path."""
    work: float
    """Variance times seconds per path over that of the score function: the work for the same error."""


@final
@dataclasses.dataclass(frozen=True)
class Audit(AbstractResult):
    """What `audit` found. As a table it has a row for each judgement, with a column for each field of it.

    Attributes:
        rows: one judgement per estimator, stop, entry and parameter.
        seconds: per path with the whole gradient, by estimator; `plain` for the paths alone.
        heaviest: largest share of one path in the squared deviations: above 0.1 the variance is not to be trusted.
        refused: estimators that cannot treat the problem, and why.
        reference: what the judge was: `exact`, or the pooled unbiased estimators.
        chosen: what `gradient="auto"` takes, and why.
        provenance: key, versions, machine.
    """

    rows: tuple[Judgement, ...]
    seconds: dict[str, float]
    heaviest: dict[str, float]
    refused: dict[str, str]
    reference: str
    chosen: str
    provenance: dict[str, object]

    def summary(self) -> list[dict[str, Any]]:
        """One line per estimator: cost over plain paths, largest |z|, bias where |z| > 4, work, tail."""
        lines = []
        for name in self.seconds:
            rows = [row for row in self.rows if row.estimator == name]
            if not rows:
                continue
            work = [row.work for row in rows if row.work > 0 and math.isfinite(row.work)]
            lines.append({
                "estimator": name,
                "cost": self.seconds[name] / self.seconds["plain"],
                "z": max(abs(row.z) for row in rows),
                "bias": max((abs(row.bias) for row in rows if abs(row.z) > 4), default=0.0),
                "work": math.exp(float(np.mean(np.log(work)))) if work else 0.0,
                "heaviest": self.heaviest[name],
            })  # fmt: skip
        return lines

    def against_time(self) -> dict[str, list[float]]:
        """By estimator, for each stop: standard deviation of one path's gradient over the gradient, root mean square."""
        stops = sorted({row.stop for row in self.rows})
        out = {}
        for name in self.heaviest:
            rows = [row for row in self.rows if row.estimator == name]
            ratios = [
                [row.variance / row.reference**2 for row in rows if row.stop == stop and row.reference != 0]
                for stop in stops
            ]
            out[name] = [float(np.sqrt(np.mean(part))) if part else math.nan for part in ratios]
        return out

    def __repr__(self) -> str:
        names = list(dict.fromkeys(row.parameter for row in self.rows))
        left = f", {len(self.refused)} refused" if self.refused else ""
        return (
            f"Audit({len(self.heaviest)} estimators{left}, derivatives by {listed(names)}; judged by {self.reference})"
        )

    def table(self) -> dict[str, list[str]]:
        """Columns of a table of the summary, in words."""
        lines = self.summary()
        return {
            "estimator": [line["estimator"] for line in lines],
            "cost": [f"{line['cost']:.1f}" for line in lines],
            "largest |z|": [f"{line['z']:.1f}" for line in lines],
            "bias": [f"{100 * line['bias']:.2g} %" if line["bias"] else "none seen" for line in lines],
            "work": [f"{line['work']:.2g}" for line in lines],
            "tail": [f"{100 * line['heaviest']:.0f} %" if line["heaviest"] > 0.1 else "" for line in lines],
        }

    def labelled(self) -> Labelled:
        """All judgements with their names, along `judgement`; cost and tail along `tried`."""
        rows = ("judgement",)
        columns = {name: np.array([getattr(row, name) for row in self.rows]) for name in Judgement._fields}
        variables = {n: Variable(rows, v.astype(object) if v.dtype.kind == "U" else v) for n, v in columns.items()}
        names = list(self.heaviest)
        seconds = np.array([self.seconds[name] for name in names])
        heaviest = np.array([self.heaviest[name] for name in names])
        more = {
            "seconds_per_path": Variable(("tried",), seconds, {"units": "s", "plain_paths": self.seconds["plain"]}),
            "heaviest": Variable(("tried",), heaviest, {"long_name": "largest share of one path in the variance"}),
        }
        coordinates = {
            "judgement": Variable(rows, np.arange(len(self.rows))),
            "tried": Variable(("tried",), np.array(names, object)),
        }
        about = {"reference": self.reference, "chosen": self.chosen, "refused": self.refused, **self.provenance}
        return Labelled("audit", {**variables, **more}, coordinates, rows, {name: name for name in columns}, about)

    def plot(self) -> Figure:
        """Work, bias and growth: see `jumpax.plots.audit`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").audit(self)

    def glance(self) -> Glance:
        """Summary and picture."""
        refused = [f"{name}: {why}" for name, why in self.refused.items()]
        return Glance(self.table(), [f"judged by: {self.reference}", *refused, f"auto: {self.chosen}"], self.plot)

    def to_dict(self) -> dict[str, object]:
        """Everything as plain mappings and lists, for JSON."""
        return {
            "reference": self.reference,
            "chosen": self.chosen,
            "summary": self.summary(),
            "against_time": self.against_time(),
            "refused": self.refused,
            "seconds_per_path": self.seconds,
            "rows": [row._asdict() for row in self.rows],
            "provenance": self.provenance,
        }
