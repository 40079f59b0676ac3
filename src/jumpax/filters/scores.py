"""Fisher's identity: the derivative of the log-likelihood is the mean score of the paths, given the records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from jaxtyping import Float

from jumpax.filters.cloud import Rows, Step, taken


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
    """Gains that are not averaged yet, those of the oldest interval first; without a lag their sum."""

    def add(self, parts: Sequence[tuple[Rows, Step]], weights: Float[np.ndarray, "rows particles"]) -> None:
        """What one interval adds.

        Args:
            parts: the steps of the interval, each with its rows: no row is in two of them.
            weights: of all rows after the record; 0 in those that are extinct.
        """
        fresh = np.zeros((*weights.shape, self.mean.shape[1]))
        for rows, step in parts:
            assert step.gains is not None
            if step.resampled.any():
                for gained in self.carried:
                    gained[rows] = taken(gained[rows], step.parents)
            fresh[rows] = step.gains
        if self.lag is None and self.carried:
            self.carried[0] += fresh
        else:
            self.carried.append(fresh)
        if self.lag is not None and len(self.carried) > self.lag:
            self._average(weights, self.carried.pop(0))

    def end(self, weights: Float[np.ndarray, "rows particles"]) -> None:
        """What is left is averaged."""
        for gained in self.carried:
            self._average(weights, gained)
        self.carried.clear()

    def _average(
        self, weights: Float[np.ndarray, "rows particles"], gained: Float[np.ndarray, "rows particles parameters"]
    ) -> None:
        self.mean[:] += np.einsum("rm,rmp->rp", weights, gained)
