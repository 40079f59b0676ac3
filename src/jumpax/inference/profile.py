"""A profile likelihood."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class Profile:
    """The likelihood along one parameter, maximised over the others."""

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

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name, "lower": self.lower, "upper": self.upper, "resolved": self.resolved, "one_sided": self.one_sided,
            "confidence": self.confidence, "drop": self.drop, "values": self.values.tolist(),
            "log_likelihood": self.log_likelihood.tolist(), "errors": self.errors.tolist(),
            "others": {n: v.tolist() for n, v in self.others.items()}, "unit": self.unit,
        }  # fmt: skip
