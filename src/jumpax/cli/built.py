"""Laws with settings, from tables of a file."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from jumpax._base.errors import InputError, unknown_name

T = TypeVar("T")


def built(where: str, entry: Any, kinds: Mapping[str, type[T]], others: tuple[str, ...] = ()) -> T:
    """The law that `{law = "Normal", sd = 1.0}` names, with its settings.

    Args:
        where: for messages.
        entry: the table.
        kinds: classes of frozen dataclasses by name.
        others: entries that are read elsewhere.

    Raises:
        InputError: an unknown law, settings that it does not have, or that are missing.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get("law"), str):
        raise InputError(
            f'{where} must be a table with law = "{next(iter(kinds))}" or another of {", ".join(kinds)}, not {entry!r}'
        )
    if entry["law"] not in kinds:
        raise InputError(f"{where}: {unknown_name('law', entry['law'], kinds)}")
    kind = kinds[entry["law"]]
    settings = {key: value for key, value in entry.items() if key not in ("law", *others)}
    known = {field.name: field for field in fields(kind) if field.init}  # type: ignore[arg-type]
    if wrong := [unknown_name("entry", key, known) for key in settings if key not in known]:
        raise InputError("\n".join(f"{where}, {entry['law']}: {fault}" for fault in wrong))
    missing = [
        n for n, f in known.items() if n not in settings and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise InputError(f"{where}: {entry['law']} needs {', '.join(missing)}")
    try:
        return kind(**settings)
    except (InputError, TypeError) as fault:
        raise InputError(f"{where}: {fault}") from None
