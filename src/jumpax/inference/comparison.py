"""What a comparison of conditions found."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, final

import numpy as np

from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax.inference.result import FitResult

QUANTILE = 1.959964
"""Of the normal law, for intervals of 95 %."""


class Change(NamedTuple):
    """A parameter in one condition against the first one."""

    value: float
    """Fold change, difference, or ratio of odds: see `kind` of the parameter."""
    low: float
    """End of the 95 % interval."""
    high: float

    def __str__(self) -> str:
        """In words."""
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


class ComparedParameter(NamedTuple):
    """What was found about one parameter."""

    name: str
    differs: bool
    statistic: float
    """Twice the difference of the log-likelihoods, or its Wald form: without, and with, a value in each condition."""
    degrees: int
    """Of freedom: conditions less one."""
    p: float
    corrected: float
    """That p value, corrected for several parameters by Holm's method."""
    kind: str
    changes: Mapping[str, Change]
    """By condition, but the first; in the model where the parameter has a value in each."""


@final
@dataclasses.dataclass(frozen=True)
class Comparison(AbstractResult):
    """Which parameters differ between conditions. `print` shows a table.

    As a table it has a row for each parameter: `compared`, `differs`, `statistic`, `degrees`, `p`, `p_corrected`, `kind`, and for each
    condition but the first `change_NAME` with the ends of its 95 % interval, `change_NAME_lower` and `change_NAME_upper`.
    """

    conditions: tuple[str, ...]
    """The first is what the others are compared with."""
    parameters: tuple[ComparedParameter, ...]
    test: str
    level: float
    fit: FitResult
    """Of the model where the parameters said to differ have a value in each condition, and all others one."""

    @property
    def differing(self) -> tuple[str, ...]:
        """Names of the parameters that differ."""
        return tuple(compared.name for compared in self.parameters if compared.differs)

    def labelled(self) -> Labelled:
        """What was found along `compared`; beside it, the fit."""
        one, parts = ("compared",), self.parameters
        variables = {
            "differs": Variable(one, np.array([c.differs for c in parts])),
            "statistic": Variable(one, np.array([c.statistic for c in parts], float)),
            "degrees": Variable(one, np.array([c.degrees for c in parts])),
            "p": Variable(one, np.array([c.p for c in parts], float)),
            "p_corrected": Variable(
                one, np.array([c.corrected for c in parts], float), {"long_name": "by Holm's method"}
            ),
            "kind": Variable(one, np.array([c.kind for c in parts], object)),
        }
        missing = Change(math.nan, math.nan, math.nan)
        for other in self.conditions[1:]:
            for place, end in enumerate(("", "_lower", "_upper")):
                found = np.array([c.changes.get(other, missing)[place] for c in parts], float)
                variables[f"change_{other}{end}"] = Variable(one, found, {"long_name": f"against {self.conditions[0]}"})
        names = {"compared": Variable(one, np.array([c.name for c in parts], object))}
        about = {"conditions": list(self.conditions), "test": self.test, "level": self.level, "answer": self.summary()}
        return Labelled("comparison", variables, names, one, {n: n for n in variables}, about).beside(
            self.fit.labelled()
        )

    def plot(self) -> Figure:
        """Changes with their intervals: see `jumpax.plots.changes`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").changes(self)

    def glance(self) -> Glance:
        """Table, answer and picture."""
        return Glance(self.table(), [self.summary()], self.plot)

    def __repr__(self) -> str:
        return f"Comparison({self.summary()})"

    def table(self) -> dict[str, list[str]]:
        """Columns of a table, in words."""
        first, *others = self.conditions
        columns = {
            "parameter": [c.name for c in self.parameters],
            "differs": ["yes" if c.differs else "no" for c in self.parameters],
            "p": [f"{c.p:.2g}" for c in self.parameters],
            "p corrected": [f"{c.corrected:.2g}" for c in self.parameters],
        }
        changes = {f"{o} against {first}": [str(c.changes.get(o, "")) for c in self.parameters] for o in others}
        return columns | changes | {"as": [c.kind for c in self.parameters]}

    def summary(self) -> str:
        """The answer in a sentence."""
        found = (
            f"{', '.join(self.differing)} differ{'s' * (len(self.differing) == 1)}"
            if self.differing
            else "no difference"
        )
        return f"{found} between {', '.join(self.conditions)} ({self.test}, Holm's correction, level {self.level:g})"

    def __str__(self) -> str:
        """Table and answer."""
        rows = [(name, *cells) for name, cells in self.table().items()]
        widths = [max(map(len, row)) for row in rows]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in zip(*rows, strict=True)
        ]
        return "\n".join([*lines, self.summary()])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not finite becomes None."""
        return {
            "conditions": list(self.conditions), "differing": list(self.differing), "test": self.test, "level": self.level,
            "parameters": [
                c._asdict() | {"changes": {o: [_finite(x) for x in change] for o, change in c.changes.items()}}
                for c in self.parameters
            ],
            "fit": self.fit.to_dict(),
        }  # fmt: skip


def change(difference: float, error: float, kind: str) -> Change:
    """From a difference, on the scale that its kind is of, and its standard error."""
    low, high = difference - QUANTILE * error, difference + QUANTILE * error
    return Change(difference, low, high) if kind == "difference" else Change(*map(_exp, (difference, low, high)))


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
