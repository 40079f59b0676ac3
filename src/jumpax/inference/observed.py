"""What was measured, checked with row numbers before anything is simulated."""

import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from jumpax._base.errors import InputError, JumpaxWarning, first_few, unknown_name
from jumpax._base.types import Column
from jumpax.networks import Network
from jumpax.networks.parameters import LARGEST_COUNT

SHOWN = 8
"""How many rows of one kind of fault are listed."""
FEWEST = 5
"""Times from which on data are judged whether they are of one path."""
SLACK = 1e-6
"""Relative change of a standard error that is none."""


def rows(what: str, bad: np.ndarray, values: np.ndarray | None = None) -> list[str]:
    """A sentence on the rows (counted from 1) where `bad` is true; none if there are none."""
    found = np.flatnonzero(bad)
    if not found.size:
        return []
    shown = [f"row {i + 1}" + ("" if values is None else f" ({values[i]:g})") for i in found[:SHOWN]]
    more = f" and {found.size - SHOWN} more" if found.size > SHOWN else ""
    return [f"{what}: {', '.join(shown)}{more}"]


def numbers(values: Column, what: str) -> Float[np.ndarray, " rows"]:
    """One column of numbers in float64.

    Raises:
        InputError: it is no such column.
    """
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what} must be numbers, one per row") from None
    if column.ndim != 1 or not column.size:
        raise InputError(f"{what} must be one number per row, with at least one row; got shape {column.shape}")
    return column


def path_count(paths: object, least: int = 1) -> int | None:
    """Of how many paths something is known, if it is.

    Raises:
        InputError: no such number.
    """
    if paths is None:
        return None
    if isinstance(paths, bool) or not isinstance(paths, int | np.integer) or paths < least:
        raise InputError(f"paths must be a whole number, {least} or more; got {paths!r}")
    return int(paths)


def errors_of(what: str, standard_errors: Mapping[str, Column], name: str, many: int) -> Float[np.ndarray, " times"]:
    """Standard errors of one column, from one number or one for each.

    Raises:
        InputError: they are missing, or of another number.
    """
    if name not in standard_errors:
        raise InputError(f"the standard errors of the {what}s of {name!r} are missing")
    try:
        error = np.asarray(standard_errors[name], float)
    except (TypeError, ValueError):
        raise InputError(f"the standard errors of the {what}s of {name!r} must be numbers") from None
    if error.shape not in ((), (many,)):
        raise InputError(f"needed is one standard error of the {what}s of {name!r}, or {many}; got shape {error.shape}")
    return np.broadcast_to(error, (many,))


def count_faults(column: Float[np.ndarray, " rows"], what: str) -> list[str]:
    """Sentences about numbers that no count can have."""
    finite = np.isfinite(column)
    return [
        *rows(f"{what} is missing or not finite", ~finite),
        *rows(f"{what} is negative", finite & (column < 0), column),
        *rows(f"{what} is not a whole number (is it a concentration or an intensity?)",
              finite & (column >= 0) & (column != np.floor(column)), column),
        *rows(f"{what} is above {LARGEST_COUNT}, the largest count", finite & (column > LARGEST_COUNT), column),
    ]  # fmt: skip


def grouped(
    species: str, counts: Column | Mapping[float, Column], times: Column | None = None
) -> tuple[tuple[float, ...] | None, list[Int[np.ndarray, " cells"]]]:
    """Counts by time.

    Args:
        species: for messages.
        counts: one count per row; or a mapping from time to such a column.
        times: time of each row, or None for one group without a time.

    Returns:
        the times, increasing, or None; and the counts of each.

    Raises:
        InputError: counts that are negative, missing, fractional or too large, times that are not finite, empty groups;
            with row numbers.

    Warns:
        JumpaxWarning: there is a single count at each of five or more times, as from one path.
    """
    what = f"count of {species!r}"
    if isinstance(counts, Mapping):
        if times is not None:
            raise InputError("give times either as keys of the counts or as a column, not both")
        if empty := [time for time, column in counts.items() if np.size(column) == 0]:
            raise InputError(f"no cells of {species!r} at time {', '.join(map(str, empty))}: leave empty groups out")
        parts = [numbers(column, f"{what} at time {time}") for time, column in counts.items()]
        times = np.repeat(np.array(list(counts), float), [len(part) for part in parts])
        column = np.concatenate(parts) if parts else np.zeros(0)
    else:
        column = numbers(counts, what)
    faults = count_faults(column, what)
    if times is None:
        _refuse(faults)
        return None, [column.astype(np.int64)]
    when = numbers(times, "times")
    if len(when) != len(column):
        raise InputError(f"{len(when)} times for {len(column)} counts of {species!r}")
    faults += rows("time is missing or not finite", ~np.isfinite(when))
    _refuse(faults)
    distinct = np.unique(when)
    groups = [column[when == t].astype(np.int64) for t in distinct]
    if len(distinct) >= FEWEST and all(len(group) == 1 for group in groups):
        warnings.warn(
            f"one count of {species!r} at each of {len(distinct)} times: if these are of one cell (one path), they are not "
            "independent, and estimates and standard errors are wrong. This loss is for different cells at each time.",
            JumpaxWarning,
            stacklevel=4,
        )
    return tuple(float(t) for t in distinct), groups


def by_factor(
    species: str, counts: Column | Mapping[float, Column], times: Column | None, factors: Column
) -> tuple[list[int], Float[np.ndarray, " groups"], list[Int[np.ndarray, " cells"]]]:
    """Counts by time and size factor: place of the time of each group, its factor, its counts.

    Raises:
        InputError: factors that are not one positive number per cell.
    """
    if isinstance(counts, Mapping):
        raise InputError("size factors are one per row: give counts and times as columns, too")
    column, sizes = numbers(counts, f"count of {species!r}"), numbers(factors, "size factors")
    if len(sizes) != len(column):
        raise InputError(f"{len(sizes)} size factors for {len(column)} counts of {species!r}")
    _refuse(rows("size factor is not a positive number", ~((sizes > 0) & np.isfinite(sizes)), sizes))
    when = np.zeros(len(column)) if times is None else numbers(times, "times")
    places = {time: place for place, time in enumerate(np.unique(when))}
    keys, which = np.unique(np.stack([when, sizes], 1), axis=0, return_inverse=True)
    groups = [column[which.reshape(-1) == group].astype(np.int64) for group in range(len(keys))]
    return [places[time] for time in keys[:, 0]], keys[:, 1], groups


def of_one_path(means: Float[np.ndarray, " times"], errors: Float[np.ndarray, " times"]) -> bool:
    """Whether means look like the counts of one path.

    They do if there are `FEWEST` times and three different values at least, all of them whole, and if their standard errors
    look made by a rule: nowhere do they fall where the mean rises, or differ where it is the same.

    Means of n paths are multiples of 1 / n, so that by chance all of them are whole with probability n^-times only. Means
    that somebody rounded pass with standard errors measured from a spread: those scatter, by 1 / sqrt(2 n), and fall
    somewhere.
    """
    if len(means) < FEWEST or len(np.unique(means)) < 3 or (means != np.floor(means)).any():
        return False
    order = np.lexsort((errors, means))
    change = np.diff(errors[order]) / errors[order][1:]
    same = np.diff(means[order]) == 0
    return bool((change > -SLACK).all() and (change[same] < SLACK).all())


def histogram_size(given: int | None, groups: Sequence[Int[np.ndarray, " cells"]]) -> int:
    """Places of a histogram of counts: those given, or half as many again as the largest count.

    Raises:
        InputError: fewer than two places above the largest count.
    """
    largest = max(int(group.max()) for group in groups)
    if given is not None and given < largest + 2:
        raise InputError(f"size = {given} is too small for counts up to {largest}; at least {largest + 2} is needed")
    return given or largest * 3 // 2 + 10


def species_faults(species: Iterable[str], network: Network) -> list[str]:
    """Sentences about observed species that the network does not have."""
    unknown = (name for name in species if name not in network.numbers)
    return first_few(unknown, lambda name: unknown_name("species", name, network.species))


def time_faults(times: Sequence[float] | None, start: float) -> list[str]:
    """Sentences about observation times that a run from `start` never reaches."""
    early = [t for t in times or () if t < start]
    return [f"observed at time {t:g}, before the run starts at {start:g}" for t in early]


def _refuse(faults: list[str]) -> None:
    if faults:
        raise InputError("the observed data cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults))
