"""Data beside what is fitted to them, for pictures."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Series(NamedTuple):
    """Numbers along time."""

    name: str
    """Such as "mean of X"."""
    species: str
    """Whose mean it is; empty if it is something else."""
    times: Float[np.ndarray, " times"] | None
    """None at steady state."""
    measured: Float[np.ndarray, " times"]
    errors: Float[np.ndarray, " times"]
    """Standard errors."""
    fitted: Float[np.ndarray, " times"]


class Cells(NamedTuple):
    """Counts of cells, and the fitted law."""

    species: str
    place: str
    """When, in words."""
    counts: Float[np.ndarray, " size"]
    """Number of cells by count."""
    law: Float[np.ndarray, " size"]


Compared = Series | Cells


def series(name: str, species: str, times, measured, errors, fitted) -> Series:
    """As columns of float64, without numbers whose error is infinite: those are no data."""
    kept = np.isfinite(np.asarray(errors, float))
    when = None if times is None else np.asarray(times, float)[kept]
    return Series(name, species, when, *(np.asarray(column, float)[kept] for column in (measured, errors, fitted)))


def cells(species: str, times, rows, counts, law, factors=None) -> tuple[Cells, ...]:
    """One for each row of the counts; `rows` are the places of their times."""
    found = []
    for row, (own, fitted) in enumerate(zip(counts, law, strict=True)):
        place = "at steady state" if times is None else f"at time {times[rows[row]]:g}"
        place += "" if factors is None or len(factors) < 2 else f" with size factor {factors[row]:g}"
        found.append(Cells(species, place, np.asarray(own, float), np.asarray(fitted, float)))
    return tuple(found)
