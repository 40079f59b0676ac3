"""When a fit has converged."""

import abc
import dataclasses

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError


class AbstractStopping(abc.ABC):
    """Decides from the history whether to stop. Final subclasses are frozen dataclasses."""

    @abc.abstractmethod
    def __call__(self, losses: Float[np.ndarray, " steps"], u: Float[np.ndarray, "steps free"]) -> str | None:
        """Why to stop, in words, or None to go on.

        Args:
            losses: one per step.
            u: unconstrained parameters at which they were found.
        """


@dataclasses.dataclass(frozen=True)
class SignalToNoise(AbstractStopping):
    """Stop when the loss no longer falls by more than its noise.

    With dL the differences of successive losses over the last `window` steps, the ratio
    |median(dL)| / median(|dL - median(dL)|) has been below `threshold` `times` times. A loss of pure noise has a median
    ratio of about 0.1 for a window of 50.

    Args:
        window: how many differences are judged.
        threshold: of the ratio.
        times: how often it must have been below, not necessarily in a row.
        after: no earlier than after so many steps.
    """

    window: int = 20
    threshold: float = 0.1
    times: int = 3
    after: int = 40

    def __post_init__(self):
        if self.window < 3 or self.threshold <= 0 or self.times < 1:
            raise InputError("window must be 3 or more, threshold positive, times 1 or more")

    def ratio(self, losses: Float[np.ndarray, " steps"]) -> float:
        """The ratio over the last window; infinite before there is one."""
        if len(losses) <= self.window:
            return float("inf")
        falls = np.diff(losses[-self.window - 1 :])
        middle = np.median(falls)
        spread = np.median(np.abs(falls - middle))
        return float(abs(middle) / spread) if spread > 0 else (0.0 if middle == 0 else float("inf"))

    def __call__(self, losses: Float[np.ndarray, " steps"], u: Float[np.ndarray, "steps free"]) -> str | None:
        """See the class."""
        if len(losses) < self.after:
            return None
        low = sum(self.ratio(losses[:end]) < self.threshold for end in range(self.window + 1, len(losses) + 1))
        if low < self.times:
            return None
        return f"signal-to-noise of the loss below {self.threshold:g} {low} times (window {self.window})"


@dataclasses.dataclass(frozen=True)
class SmallSteps(AbstractStopping):
    """Stop when no unconstrained parameter moves by more than `tolerance`: for losses without noise.

    Or when the loss has changed by less than `least` nats, or by rounding only, in each of the last three steps: then
    what still moves is not determined by the data.
    """

    tolerance: float = 1e-5
    least: float = 1e-4

    def __call__(self, losses: Float[np.ndarray, " steps"], u: Float[np.ndarray, "steps free"]) -> str | None:
        """See the class."""
        if len(u) > 1 and np.abs(u[-1] - u[-2]).max() < self.tolerance:
            return f"no parameter moved by more than {self.tolerance:g}"
        rounding = 4 * float(np.finfo(np.float32).eps) * abs(float(losses[-1]))
        if len(losses) > 3 and np.abs(np.diff(losses[-4:])).max() < max(self.least, rounding):
            return f"the loss changed by less than {max(self.least, rounding):.1g} in three steps"
        return None
