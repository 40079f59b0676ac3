"""Fisher's identity: the derivative of the log-likelihood is the mean score of the paths, given the records."""

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int

from jumpax.filters.cloud import taken


@final
@dataclass(frozen=True, eq=False)
class Scores:
    """Scores carried along with particles, and their mean so far.

    With `lag=None` each particle carries the sum of all its gains, and the mean is taken at the end. With a lag the gains of an
    interval are averaged so many records later, and forgotten.
    """

    mean: Float[np.ndarray, "rows parameters"]
    """What has been averaged; changed in place."""
    lag: int | None
    carried: list[Float[np.ndarray, "rows particles parameters"]] = field(default_factory=list)
    """Gains that are not averaged yet, the oldest first; without a lag their sum."""

    def add(
        self, rows: Int[np.ndarray, " rows"], parents: Int[np.ndarray, "rows particles"], resampled: Any,
        gains: Float[np.ndarray, "rows particles parameters"], weights: Float[np.ndarray, "rows particles"],
    ) -> None:  # fmt: skip
        """What one interval adds, and the weights after its record."""
        if resampled.any():
            for gained in self.carried:
                gained[rows] = taken(gained[rows], parents)
        fresh = gains
        if len(rows) < len(self.mean):
            fresh = np.zeros((len(self.mean), *gains.shape[1:]))
            fresh[rows] = gains
        if self.lag is None and self.carried:
            self.carried[0] += fresh
        else:
            self.carried.append(fresh)
        if self.lag is not None and len(self.carried) > self.lag:
            self._average(rows, weights, self.carried.pop(0))

    def end(self, rows: Int[np.ndarray, " rows"], weights: Float[np.ndarray, "rows particles"]) -> None:
        """What is left is averaged."""
        for gained in self.carried:
            self._average(rows, weights, gained)
        self.carried.clear()

    def _average(self, rows: Any, weights: Any, gained: Any) -> None:
        self.mean[rows] += np.einsum("rm,rmp->rp", weights, gained[rows])
