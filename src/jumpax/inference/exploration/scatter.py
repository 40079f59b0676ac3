"""How far data lie from the answer: as far as their errors say, and no further."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax.inference.exploration.surface import Surface

WORSE = 3.0
"""Standard errors by which a place is worse than another beyond doubt."""
FITS = 2.0
"""Loss, over what the scatter of the data gives on average, up to which a place explains them."""
WIDEST = 2.0
"""Variance of a residual over its square error, on average, that the answer has at most: elsewhere paths may scatter more."""


class Scatter(NamedTuple):
    """Of the data."""

    replicates: float = 1.0
    """Paths, or cells, that their errors stand for."""
    numbers: float = np.inf
    """How many data there are."""

    @classmethod
    def of(cls, variance: Float[np.ndarray, " numbers"]) -> "Scatter":
        """From variances of the residuals of single paths near the best place that is known."""
        some = variance[variance > 0]
        return cls(float(np.exp(np.log(some).mean())) if some.size else 1.0, float(max(some.size, 1)))

    def usual(self, surface: Surface) -> float:
        """Loss that the data have at the answer, on average: their variance is that of one path over the number of these."""
        loss = 0.5 * min(float(surface.variance.sum()) / self.replicates, WIDEST * self.numbers)
        return max(loss, 1e-300)

    def explains(self, surface: Surface) -> bool:
        """Whether a loss is one that the answer may have: no more than twice its mean there, and noise."""
        limit = FITS * self.usual(surface)
        return surface.loss <= limit + WORSE * surface.error_at(limit)

    def shows(self, surface: Surface) -> bool:
        """Whether it is so, and the noise is no larger than that."""
        limit = FITS * self.usual(surface)
        return self.explains(surface) and surface.error_at(limit) <= limit

    def misfit(self, surface: Surface) -> float:
        """Loss that is likely at least, over its mean at the answer."""
        return max(surface.loss - WORSE * surface.loss_error, 0.0) / self.usual(surface)
