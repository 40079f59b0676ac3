"""How far a fit is."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO


class FitProgress(NamedTuple):
    """Told after every step."""

    start: int
    starts: int
    step: int
    steps: int
    """Most steps of this start; it may stop earlier."""
    loss: float
    loss_error: float
    gradient: float
    """Euclidean norm on the unconstrained scale."""
    gradient_error: float
    seconds: float
    seconds_left: float
    """At most, with the starts to come."""

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"start {self.start + 1}/{self.starts} step {self.step + 1}/{self.steps}  loss {self.loss:.6g} ± "
            f"{self.loss_error:.1g}  gradient {self.gradient:.2g} ± {self.gradient_error:.1g}  at most "
            f"{self.seconds_left:.0f} s left"
        )


class SearchProgress(NamedTuple):
    """Told by a fit with a budget after every step of all candidates, and every evaluation."""

    paths: int
    """Drawn so far."""
    budget: int
    values: dict[str, float]
    """The best free parameters so far."""
    seconds: float

    @property
    def seconds_left(self) -> float:
        """At most, if paths take as long as before."""
        return self.seconds * (self.budget / max(self.paths, 1) - 1)

    def __str__(self) -> str:
        """One line for people."""
        best = "  ".join(f"{name} {value:.3g}" for name, value in self.values.items())
        return f"{self.paths:,} of {self.budget:,} paths  at most {self.seconds_left:.0f} s left  {best}"


class PosteriorProgress(NamedTuple):
    """Told by `posterior` after every step of all chains, or block of draws."""

    what: str
    """`approach`, `warm-up` or `draws`."""
    share: float
    """Of that, from 0 to 1; of the approach the coldness."""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.what}: {100 * self.share:.0f} %"


Told = Callable[[Any], None]
"""Of `FitProgress`, of `SearchProgress` where there is a budget, of `PosteriorProgress`."""


def teller(progress: bool | Told) -> Told:
    """A function to tell progress to: nobody, one line on standard error that is written over, or the one given."""
    if callable(progress):
        return progress
    return _line(sys.stderr) if progress else lambda told: None


def _line(stream: TextIO) -> Told:
    def write(told: FitProgress | SearchProgress | PosteriorProgress) -> None:
        stream.write("\r" + f"{told}"[:119].ljust(119))
        stream.flush()

    return write
