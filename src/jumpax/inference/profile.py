"""A profile likelihood."""

import dataclasses
from typing import Any, final

import numpy as np
from jaxtyping import Float

from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room


@final
@dataclasses.dataclass(frozen=True)
class Profile(AbstractResult):
    """The likelihood along one parameter, maximised over the others.

    As a table it has a row for each value: `profile_value`, `log_likelihood` relative to the best point, `error`, and the other parameters.
    """

    name: str
    values: Float[np.ndarray, " points"]
    """Increasing."""
    log_likelihood: Float[np.ndarray, " points"]
    """Relative to the best point: 0 there."""
    errors: Float[np.ndarray, " points"]
    """Simulation errors; 0 for exact expectations."""
    others: dict[str, Float[np.ndarray, " points"]]
    """The other free parameters."""
    drop: float
    """Of the log-likelihood, at the bounds."""
    confidence: float
    lower: float | None
    """Bound; None where the profile stays above the threshold down to the least value."""
    upper: float | None
    """Bound; None where it stays above up to the largest value."""
    resolved: bool
    """Whether the simulation errors are small enough against `drop` for bounds."""
    one_sided: bool
    """Whether the likelihood does not come down at one end of the range, so that there is one bound."""
    unit: str = ""

    def __str__(self) -> str:
        """The bounds in words."""
        unit = f" {self.unit}" if self.unit else ""
        sure = f"({self.confidence:.0%} confidence)"
        if not self.resolved:
            return f"{self.name}: the noise of the simulated likelihood hides the bounds"
        if self.lower is not None and self.upper is None:
            return f"{self.name} > {self.lower:.3g}{unit} {sure}"
        if self.upper is not None and self.lower is None:
            return f"{self.name} < {self.upper:.3g}{unit} {sure}"
        if self.lower is None:
            return f"{self.name} is not bounded between {self.values[0]:g} and {self.values[-1]:g}{unit}"
        return f"{self.lower:.3g} < {self.name} < {self.upper:.3g}{unit} {sure}"

    def __repr__(self) -> str:
        return f"Profile({self}; {len(self.values)} points)"

    def labelled(self) -> Labelled:
        """The likelihood and the other parameters, along `profile_value`."""
        along = ("profile_value",)
        drop = "log-likelihood below its largest value"
        variables = {
            "profile_log_likelihood": Variable(along, self.log_likelihood, {"long_name": drop}),
            "profile_error": Variable(along, self.errors, {"long_name": "simulation error of the log-likelihood"}),
            **{f"profile_parameter_{name}": Variable(along, values) for name, values in self.others.items()},
        }
        values = Variable(along, self.values, {"long_name": self.name, "units": self.unit})
        told = {key: value for key, value in self.to_dict().items() if not isinstance(value, list | dict)}
        columns = {name: name.removeprefix("profile_").removeprefix("parameter_") for name in variables}
        return Labelled("profile", variables, {"profile_value": values}, along, columns, {"profile": told})

    def plot(self) -> Figure:
        """The profile with its threshold: see `jumpax.plots.profile`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return (
            room("plots")
            .profile(self.values, self.log_likelihood, name=self.name, unit=self.unit or None, threshold=self.drop)
            .figure
        )

    def glance(self) -> Glance:
        """The bounds in words, and the picture."""
        return Glance({}, [] if self.resolved else [str(self)], self.plot)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name, "lower": self.lower, "upper": self.upper, "resolved": self.resolved, "one_sided": self.one_sided,
            "confidence": self.confidence, "drop": self.drop, "values": self.values.tolist(),
            "log_likelihood": self.log_likelihood.tolist(), "errors": self.errors.tolist(),
            "others": {n: v.tolist() for n, v in self.others.items()}, "unit": self.unit,
        }  # fmt: skip
