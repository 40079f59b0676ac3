"""Values written as words."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from jumpax._base.errors import InputError

_MOST_TIMES = 1_000_000


def parse_times(text: str) -> tuple[float, ...]:
    """Times from `first:last:step` (both ends included) or `1,2,5`.

    Raises:
        InputError: it is neither.

    Examples:
        >>> parse_times("0:2:0.5"), parse_times("1,2,5")
        ((0.0, 0.5, 1.0, 1.5, 2.0), (1.0, 2.0, 5.0))
    """
    wrong = f"times are written as first:last:step or as 1,2,5, not {text!r}"
    try:
        numbers = [float(part) for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        raise InputError(wrong) from None
    if ":" not in text:
        return tuple(numbers)
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or numbers[2] <= 0 or numbers[1] < numbers[0]:
        raise InputError(f"{wrong}; the step must be positive and the last time not before the first")
    first, last, step = numbers
    if (last - first) / step > _MOST_TIMES:
        raise InputError(f"times {text!r} are more than {_MOST_TIMES:,}; take a longer step")
    whole = math.floor((last - first) / step * (1 + 1e-12) + 1e-9)
    return tuple((first + step * np.arange(whole + 1)).tolist())


def parse_bound(text: str | None) -> float | tuple[float, ...] | None:
    """A bound from words such as `3` or, one for each interval, `3,5,2`.

    Raises:
        InputError: neither of these.

    Examples:
        >>> parse_bound("3"), parse_bound("3,5"), parse_bound(None)
        (3.0, (3.0, 5.0), None)
    """
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--bound is written as a number or as 3,5,2, not {text!r}") from None
    return numbers[0] if len(numbers) == 1 else numbers


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Part i of N from words such as `0/4`.

    Raises:
        InputError: something else.

    Examples:
        >>> parse_shard("0/4"), parse_shard(None)
        ((0, 4), None)
    """
    if text is None:
        return None
    number, slash, parts = text.partition("/")
    if not (slash and number.strip().isdecimal() and parts.strip().isdecimal() and int(number) < int(parts)):
        raise InputError(f"--shard is written as i/N, from 0/4 to 3/4 for four shards, not {text!r}")
    return int(number), int(parts)


def parse_assignments(option: str, words: Sequence[str]) -> dict[str, float]:
    """Numbers by name from words such as `k=1.5` or `a=1,b=2`.

    Raises:
        InputError: everything that is not an assignment of a number, at once.

    Examples:
        >>> parse_assignments("--theta", ["k=1.5,g=2", "h=3"])
        {'k': 1.5, 'g': 2.0, 'h': 3.0}
    """
    values, faults = {}, []
    for word in (part.strip() for text in words for part in text.split(",")):
        name, equals, number = word.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            faults.append(word)
        if not equals or not name.strip():
            faults.append(word)
    if faults:
        raise InputError(f"{option} is written as name=number, not as {', '.join(map(repr, dict.fromkeys(faults)))}")
    return values


def parse_limits(words: Sequence[str]) -> int | Mapping[str, int] | None:
    """Largest counts from words such as `200` (for all species) or `M=200`.

    Raises:
        InputError: neither of these, or fractions.

    Examples:
        >>> parse_limits(["200"]), parse_limits(["M=200,P=50"]), parse_limits([])
        (200, {'M': 200, 'P': 50}, None)
    """
    if not words:
        return None
    if len(words) == 1 and words[0].strip().isdigit():
        return int(words[0])
    values = parse_assignments("--limits", words)
    if faults := [f"{name}={value:g}" for name, value in values.items() if value != math.floor(value)]:
        raise InputError(f"--limits are whole numbers, not {', '.join(faults)}")
    return {name: int(value) for name, value in values.items()}
