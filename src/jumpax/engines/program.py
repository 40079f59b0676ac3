"""What a compiled loop depends on: everything static, nothing numeric."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import jax
import numpy as np

from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.types import Precision, dtype_of
from jumpax.folds.fold import AbstractFold
from jumpax.networks import Need, Network, check_needs

Bound: TypeAlias = float | tuple[float, ...] | None
"""On the total propensity: one number, or one for each interval that ends at a stop."""


@dataclasses.dataclass(frozen=True)
class Program:
    """Network, fold, precision and kind of stop; hashable, so that equal programs are compiled once."""

    network: Network
    fold: AbstractFold
    precision: Precision
    clock: Literal["times", "steps"] = "times"
    bounded: bool = False
    """Whether a bound on the total propensity is given, one per interval between stops."""
    queue: int = 0
    """Reactions of one path that may be under way at one time, for networks with delays."""

    def __post_init__(self):
        check_needs(self.network, self.fold.treats, f"the fold {type(self.fold).__name__}")
        if self.thinned and self.fold.direct:
            raise UnsupportedError(
                "a fold of alternative paths or of relaxed choices reads the numbers of the direct method, which waits drawn "
                "from a bound do not have; leave out bound=..., and rates that depend on time"
            )
        if self.network.flows:
            self._check_flows()
        if self.fold.nulls and not self.bounded:
            raise InputError("uniformization needs bound=..., the one of its fold: null events are part of its choices")

    def _check_flows(self) -> None:
        """Whether all that is asked for is there beside continuous variables."""
        fold, told = self.fold, f"beside continuous variables ({', '.join(map(repr, self.network.flowing))})"
        if self.bounded:
            raise UnsupportedError(f"there is no bound {told}: rates are integrated along them; leave out bound=...")
        if self.clock == "steps":
            raise UnsupportedError(
                f"there are no stops after numbers of events {told}; use times=... instead of steps=..."
            )
        if fold.caps or fold.waits or fold.samples:
            raise UnsupportedError(
                f"the fold {type(fold).__name__} has hooks cap, ready or sample, which are not called {told}"
            )

    @property
    def thinned(self) -> bool:
        """Whether waits are drawn from a bound on the total propensity, with null events.

        It is given, or, where rates depend on time, found from the laws in every state anew (see `networks.ceiling`).
        """
        return self.bounded or self.network.thinned

    @functools.cached_property
    def dtype(self) -> np.dtype:
        """Type of the real numbers."""
        return dtype_of(self.precision)

    @property
    def delayed(self) -> bool:
        """Whether some reactions take time to complete."""
        return Need.DELAY in self.network.needs

    @property
    def own_streams(self) -> int:
        """How many of the streams of a lane decide its path; they come first."""
        return 2 if self.precision == "float64" else 1

    @property
    def streams(self) -> tuple[int, ...]:
        """Numbers of the random streams that a lane carries."""
        return (0, *((1,) if self.precision == "float64" else ()), *((2,) if self.fold.words else ()))


@contextlib.contextmanager
def precision_of(program: Program) -> Iterator[None]:
    """64-bit types for as long as a float64 program is traced and run."""
    with jax.enable_x64(program.precision == "float64" or jax.config.read("jax_enable_x64")):
        yield


@dataclasses.dataclass(frozen=True)
class Times:
    """Stops at given times, strictly increasing, none before the start of the path."""

    values: tuple[float, ...]
    start: float = 0.0
    bound: Bound = None
    """On the total propensity, where waits are drawn from it, with null events; a number for each stop, or one for all."""

    def joined(self, fold: AbstractFold) -> "Times":
        """With the stops that a fold wants; each has the bound of the interval in which it lies."""
        values, bound = union(self.values, fold, self.start), self.bound
        if isinstance(bound, tuple):
            bound = tuple(bound[i] for i in np.searchsorted(self.values, values).clip(max=len(bound) - 1))
        return dataclasses.replace(self, values=values, bound=bound)


@dataclasses.dataclass(frozen=True)
class Steps:
    """Stops after given numbers of events, strictly increasing."""

    values: tuple[int, ...]
    bound: float | None = None
    """On the total propensity, as in `Times`."""
    timed: bool = False
    """Whether what is seen at them depends on when events happen, not on their order alone."""


def check_times(times: object, start: float) -> tuple[float, ...]:
    """Stop times as a tuple of floats.

    Raises:
        InputError: naming every time that is not finite, before the start, or not after the one before it.
    """
    values = np.atleast_1d(np.asarray(times, np.float64))
    if values.ndim != 1 or values.size == 0:
        raise InputError(f"times must be one number or a non-empty list; got shape {values.shape}")
    if not np.isfinite(start):
        raise InputError(f"the start time must be finite; got {start}")
    faults = [f"times[{i}] = {v} is not finite" for i, v in enumerate(values) if not np.isfinite(v)]
    faults += [f"times[{i}] = {v} lies before the start, {start}" for i, v in enumerate(values) if v < start]
    faults += [
        f"times[{i + 1}] = {values[i + 1]} does not come after times[{i}] = {values[i]}"
        for i in np.flatnonzero(~(np.diff(values) > 0))
        if np.isfinite(values[i]) and np.isfinite(values[i + 1])
    ]
    if faults:
        raise InputError("; ".join(faults) + ". Give finite, strictly increasing times (np.unique sorts).")
    return tuple(float(v) for v in values)


def check_steps(steps: object) -> tuple[int, ...]:
    """Stop steps as a tuple of ints.

    Raises:
        InputError: naming what is wrong with them.
    """
    values = np.atleast_1d(np.asarray(steps))
    if values.ndim != 1 or values.size == 0 or not np.all(values == np.floor(values)):
        raise InputError(f"steps must be one whole number or a non-empty list of them; got {steps!r}")
    if np.any(values < 0) or np.any(np.diff(values) <= 0) or values[-1] >= 2**31 - 1:
        raise InputError(f"steps must be strictly increasing, from 0 to 2^31 - 2; got {list(values)}")
    return tuple(int(v) for v in values)


def check_positive(name: str, value: object, most: int = 2**31 - 1) -> int:
    """A whole number from 1 to `most`.

    Raises:
        InputError: if it is not.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not 1 <= int(value) <= most:  # type: ignore[arg-type]
        raise InputError(f"{name} must be a whole number from 1 to {most}; got {value!r}")
    return int(value)  # type: ignore[arg-type]


def union(times: Sequence[float], fold: AbstractFold, start: float) -> tuple[float, ...]:
    """The times asked for together with those that the fold wants."""
    extra = [t for t in fold.stops(times) if t >= start]
    return tuple(sorted({*times, *extra}))
