"""How far a fit is."""

import sys
from collections.abc import Callable
from typing import NamedTuple, TextIO


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


Told = Callable[[FitProgress], None]


def teller(progress: bool | Told) -> Told:
    """A function to tell progress to: nobody, one line on standard error that is written over, or the one given."""
    if callable(progress):
        return progress
    return _line(sys.stderr) if progress else lambda told: None


def _line(stream: TextIO) -> Told:
    def write(told: FitProgress) -> None:
        stream.write("\r" + f"{told}"[:119].ljust(119))
        stream.flush()

    return write
