"""How far a fit is."""

from typing import NamedTuple


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

    @property
    def share(self) -> float:
        """Of all steps of all starts; each may stop earlier."""
        return (self.start + (self.step + 1) / self.steps) / self.starts

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
    def share(self) -> float:
        """Of the budget."""
        return self.paths / self.budget

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
