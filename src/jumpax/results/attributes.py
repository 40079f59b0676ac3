"""Provenance as plain values under flat names, which any file can hold."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings as one level, with dotted names; text, numbers and lists of them as values.

    Truth values become 0 and 1 and None becomes an empty text, for netCDF knows neither.

    Examples:
        >>> flatten({"versions": {"jax": "0.10"}, "x64": True, "key": [0, 7]})
        {'versions.jax': '0.10', 'x64': 1, 'key': [0, 7]}
    """
    return dict(_pairs("", values))


def _pairs(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _pairs(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", _plain(value)


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
        return np.asarray(value).tolist()
    if isinstance(value, list | tuple):
        plain = [_plain(item) for item in value]
        kinds = {type(item) for item in plain}
        return plain if kinds <= {int, float} or kinds == {str} else str(plain)
    return str(value)
