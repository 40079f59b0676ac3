"""What comes from outside, checked on the host before anything is compiled: theta and initial counts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jumpax._base.errors import InputError, first_few, first_of, listed, unknown_name
from jumpax.networks.kinds import check_network
from jumpax.networks.needs import ALL
from jumpax.networks.network import Network

LARGEST_COUNT = 2**31 - 1
"""Counts are kept as int32."""


def check_theta(
    network: Network, theta: Mapping[str, Any], paths: int | None = None, more: Sequence[str] = ()
) -> dict[str, Float[np.ndarray, "*paths"]]:
    """Parameter values in float64, in the order of the network.

    Args:
        network: says which parameters there are, and which of them must not be negative.
        theta: a number, or one number per path, for every parameter; arrays of their shapes, or one per path, for those of
            families.
        paths: number of paths, if it is known; else all arrays must have one length.
        more: parameters beside those of the network: those of the start.

    Returns:
        For each parameter an array of shape () or (paths,); of families, of its shape or (paths, *shape).

    Raises:
        InputError: all unknown and missing names, values that are not finite numbers, negative rates, wrong shapes.

    Examples:
        >>> from jumpax.networks import MassAction, Reaction
        >>> check_theta(Network([Reaction("X -> ∅", MassAction("k"))]), {"k": -1})
        Traceback (most recent call last):
        jumpax._base.errors.InputError: theta does not fit the network '':
        - parameter 'k' is negative: -1
    """
    check_network(network, ALL)
    if not isinstance(theta, Mapping):
        raise InputError(f"theta must map the names of parameters to numbers, not be {type(theta).__name__}")
    known, nonnegative = dict.fromkeys((*network.parameters, *more)), {*network.nonnegative}
    shapes, free = dict.fromkeys(known, ()) | dict(network.shapes), {*network.beside}
    faults = first_few(
        (name for name in theta if name not in known), lambda name: unknown_name("parameter", name, known)
    )
    faults += first_few(
        (name for name in known if name not in theta),
        lambda name: f"parameter {name!r} {'' if name in network.shapes else 'of the start '}is missing",
    )
    values: dict[str, np.ndarray] = {}
    for name in (name for name in known if name in theta):
        what, value, shape = f"parameter {name!r}", _numbers(theta[name]), shapes[name]
        if value is None:
            faults.append(f"{what} is not a number: {theta[name]!r}")
        elif value.shape not in (shape, value.shape[:1] + shape):
            one = f"an array of shape {shape}" if shape else "one number"
            faults.append(f"{what} has shape {value.shape}; give {one}, or one per path")
        else:
            values[name] = value
            if name not in free:  # which may be infinite or not a number, as times of what never happens are
                faults += _outside(what, value, negative=name not in nonnegative)
    own = {f"parameter {name!r}": v for name, v in values.items() if v.ndim > len(shapes[name])}
    faults += _lengths(own, paths)
    _refuse("theta", network, faults)
    return values


def check_counts(
    network: Network,
    x0: Any,
    paths: int | None = None,
    round_counts: bool = False,
) -> Int[np.ndarray, "*paths species"]:
    """Initial counts in int32, in the order of the species.

    Args:
        network: says which species there are.
        x0: a number, or one number per path, for every species by name; or the numbers in the order of the
            species, with shape (species,) or (paths, species).
        paths: number of paths, if it is known.
        round_counts: round fractions to the nearest integer (halves upwards) instead of refusing them. What is rounded is a constant:
            no derivative reaches what it was rounded from.

    Returns:
        Array of shape (species,), or (paths, species) if some count is given per path.

    Raises:
        InputError: all unknown and missing names, fractions, negative numbers, NaN, counts above 2^31 - 1, shapes.

    Examples:
        >>> from jumpax.networks import MassAction, Reaction
        >>> check_counts(Network([Reaction("A -> B", MassAction("k"))]), {"B": 0, "A": 7})
        array([7, 0], dtype=int32)
    """
    check_network(network, ALL)
    counts = _at_once(network, x0, round_counts)
    if counts is not None and (counts.ndim == 1 or paths in (None, len(counts))):
        return counts
    faults: list[str] = []
    columns = _columns_by_name(network, x0, faults) if isinstance(x0, Mapping) else _columns(network, x0, faults)
    for name, column in columns.items():
        if round_counts:
            columns[name] = column = np.floor(column + 0.5)
        faults += _outside(f"count of {name!r}", column, negative=False, whole=True)
    faults += _lengths({f"count of {name!r}": column for name, column in columns.items() if column.ndim}, paths)
    _refuse("x0", network, faults)
    return np.stack(np.broadcast_arrays(*columns.values()), axis=-1).astype(np.int32)


def _at_once(network: Network, x0: Any, round_counts: bool) -> Int[np.ndarray, "*paths species"] | None:
    """The counts if they are plain numbers without a fault; None where each has to be looked at."""
    numbers = x0
    if isinstance(x0, Mapping):
        numbers = [x0.get(name) for name in network.species] if len(x0) == len(network.species) else []
        if not all(type(number) in (int, float) for number in numbers):
            return None
    counts = _numbers(numbers)
    if counts is None or counts.ndim not in (1, 2) or counts.shape[-1] != len(network.species):
        return None
    counts = np.floor(counts + 0.5) if round_counts else counts
    sound = (counts >= 0) & (counts <= LARGEST_COUNT)
    return counts.astype(np.int32) if sound.all() and (counts == np.floor(counts)).all() else None


def check_numbers(
    network: Network, theta: Any, x0: Any, paths: int, round_counts: bool = False
) -> tuple[dict[str, np.ndarray], Int[np.ndarray, "*paths species"]]:
    """Parameters and counts at the start.

    Raises:
        InputError: all that `check_theta` and `check_counts` find.
    """
    faults, values, counts = [], {}, np.zeros(0, np.int32)
    try:
        values = check_theta(network, theta, paths)
    except InputError as fault:
        faults.append(str(fault))
    try:
        counts = check_counts(network, x0, paths, round_counts)
    except InputError as fault:
        faults.append(str(fault))
    if faults:
        raise InputError("\n".join(faults))
    return values, counts


def _columns_by_name(network: Network, x0: Mapping[str, Any], faults: list[str]) -> dict[str, np.ndarray]:
    faults += first_few(
        (name for name in x0 if name not in network.numbers),
        lambda name: unknown_name("species", name, network.species),
    )
    faults += first_few(
        (name for name in network.species if name not in x0), lambda name: f"the count of {name!r} is missing"
    )
    columns = {}
    for name in network.species:
        if name not in x0:
            continue
        column = _numbers(x0[name])
        if column is None:
            faults.append(f"count of {name!r} is not a number: {x0[name]!r}{_law(x0[name])}")
        elif column.ndim > 1:
            faults.append(f"count of {name!r} has shape {column.shape}; give one number, or one per path")
        else:
            columns[name] = column
    return columns


def _columns(network: Network, x0: Any, faults: list[str]) -> dict[str, np.ndarray]:
    counts, size = _numbers(x0), len(network.species)
    if counts is None:
        faults.append(f"not numbers: {x0!r}{_law(x0)}")
        return {}
    if counts.ndim not in (1, 2) or counts.shape[-1] != size:
        order = f"in the order {listed(network.species)}"
        faults.append(f"shape {counts.shape}; needed is ({size},) or (paths, {size}), {order}")
        return {}
    return {name: counts[..., index] for index, name in enumerate(network.species)}


def _law(given: Any) -> str:
    """A word on laws of the start, where they are not taken."""
    return (
        "; jumpax.simulate, expectation and Problem take laws of the start" if hasattr(given, "log_probability") else ""
    )


def _numbers(value: Any) -> np.ndarray | None:
    """The value in float64, which holds every int32 exactly; None if it does not consist of real numbers."""
    try:
        if type(value) in (int, float):
            return np.array(value, np.float64)
        array = np.asarray(value)
        if array.dtype == object and all(isinstance(item, int) for item in array.flat):  # beyond 64 bits
            array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        return None
    return array.astype(np.float64)


def _outside(what: str, value: np.ndarray, *, negative: bool, whole: bool = False) -> Iterator[str]:
    """Sentences about values that are not allowed; each names the first one."""
    if value.ndim == 0 and not whole and math.isfinite(value) and (negative or value >= 0):
        return
    finite = np.isfinite(value)
    tests = [("is not finite", ~finite)]
    if not negative:
        tests.append(("is negative", finite & (value < 0)))
    if whole:
        tests.append(("is not a whole number", finite & (value != np.floor(value))))
        tests.append((f"is above {LARGEST_COUNT}, the largest count", finite & (value > LARGEST_COUNT)))
    for fault, bad in tests:
        if bad.any():
            first = int(np.argmax(bad))
            where = np.unravel_index(first, value.shape)
            place = (
                f" (path {first})" if value.ndim == 1 else f" (entry {[int(i) for i in where]})" if value.ndim else ""
            )
            hint = "; pass round_counts=True to round it" if fault == "is not a whole number" else ""
            yield f"{what} {fault}: {value.reshape(-1)[first]:.17g}{place}{hint}"


def _lengths(arrays: dict[str, np.ndarray], paths: int | None) -> Iterator[str]:
    """Sentences about arrays that do not have one entry per path."""
    for what, array in arrays.items():
        if paths is None:
            paths = len(array)
        if len(array) != paths:
            yield f"{what} has {len(array)} values for {paths} paths"


def _refuse(what: str, network: Network, faults: list[str]) -> None:
    if faults:
        listed = "\n".join(f"- {fault}" for fault in first_of(faults))
        raise InputError(f"{what} does not fit the network {network.name!r}:\n{listed}")
