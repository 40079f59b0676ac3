"""Tables of a problem file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from jumpax._base.errors import InputError, unknown_name

Table: TypeAlias = Mapping[str, Any]


def part_of(table: Table, key: str) -> Table:
    """A table in a table; empty if there is none.

    Raises:
        InputError: something else stands there.
    """
    part = table.get(key, {})
    if not isinstance(part, Mapping):
        raise InputError(f"{key} must be a table, [{key}], not {part!r}")
    return part


def check_entries(where: str, part: Table, known: tuple[str, ...]) -> None:
    """Refuse entries that nobody reads.

    Raises:
        InputError: there are some.
    """
    if wrong := [unknown_name("entry", key, known) for key in part if key not in known]:
        raise InputError("\n".join(f"{where}: {fault}" for fault in wrong))


def toml_of(file: Path) -> Table:
    """The tables of a file.

    Raises:
        InputError: no such file, or no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise InputError(f"the problem {file} cannot be read: {fault.strerror or fault}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{file} is not TOML: {fault}") from fault
