"""An expectation with its gradient and their standard errors."""

from typing import NamedTuple

import numpy as np
from jax import core
from jaxtyping import PyTree

from jumpax._base.types import Flag, Real


class Estimate(NamedTuple):
    """An expectation with its gradient and their standard errors.

    `value` and `standard_error` have the structure of the observable with a leading axis of stops; `gradient` and
    `gradient_standard_error` are such trees by name of parameter.
    """

    value: PyTree[Real]
    standard_error: PyTree[Real]
    gradient: dict[str, PyTree[Real]]
    gradient_standard_error: dict[str, PyTree[Real]]
    replaced: bool | Flag = False
    """Whether the chosen estimator failed, one path having too much of its variance: then the gradient is the score function's."""
    doubtful: bool | Flag = False
    """Whether one path has too much of the variance of what is given here: then its standard error is not to be trusted."""
    redrawn: Real | None = None
    """How many paths were drawn again in float64, for float32 could not follow them; None where nobody has looked (engines `xla`
    and `gpu`, which give NaN instead)."""

    @property
    def note(self) -> str:
        """What happened, in words; empty if all went well, and inside `jax.jit`."""
        if isinstance(self.replaced, core.Tracer) or isinstance(self.redrawn, core.Tracer):
            return ""
        notes = []
        if self.redrawn:
            notes.append(f"{int(self.redrawn)} paths were drawn again in float64")
        if np.any(self.replaced):
            notes.append(
                "one path had too much of the variance by the chosen estimator: the gradient is the score function's"
            )
        if np.any(self.doubtful):
            notes.append(
                "one path has too much of the variance: the standard error of the gradient is not to be trusted"
            )
        return "; ".join(notes)
