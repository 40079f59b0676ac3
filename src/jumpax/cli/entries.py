"""Tables of a problem file, read by the schema."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from jumpax._base.errors import InputError, unknown_name
from jumpax.cli.schema import Entries, Table

E = TypeVar("E", bound=Entries)
_ONE = {
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "text",
}
_MANY = {
    inspect.IntType: "whole numbers",
    inspect.FloatType: "numbers",
    inspect.StrType: "names",
    inspect.DictType: "tables",
}


def read(where: str, part: object, kind: type[E], why: str = "") -> E:
    """The entries of a table.

    Args:
        where: its place in the file; empty for the file itself.
        part: the table.
        kind: what may stand there.
        why: what makes entries needed, for messages.

    Raises:
        InputError: everything that is wrong with it: see `faults_of`.
    """
    if faults := faults_of(where, part, kind, why):
        raise InputError("\n".join(faults))
    return msgspec.convert(part, kind)


def faults_of(where: str, part: object, kind: type[Entries], why: str = "") -> list[str]:
    """What is wrong with a table: entries that nobody reads, with the nearest known name; those that are needed; values of another kind."""
    if not isinstance(part, Mapping):
        return [f"{where} must be a table, not {part!r}"]
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    place, dot = (f"{where}: ", f"{where}.") if where else ("", "")
    faults = [place + unknown_name("entry", name, known) for name in part if name not in known]
    if needed := [name for name, field in known.items() if field.required and name not in part]:
        faults.append(f"{place}{', '.join(needed)} missing{why}")
    for name, field in known.items():
        if name in part and not _fits(part[name], field.type):
            faults.append(f"{dot}{name} must be {in_words(field.type)}, not {part[name]!r}")
    return faults


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def in_words(kind: Any) -> str:
    """What values of a type are to who writes TOML."""
    return _words(inspect.type_info(kind))


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.UnionType(types=types):
            return " or ".join(_words(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.LiteralType(values=values):
            return " or ".join(f'"{value}"' for value in values)
        case inspect.TupleType(item_types=types):
            return f"a list of two {_many(types[0])}"
        case inspect.ListType(item_type=item):
            return f"a list of {_many(item)}"
        case inspect.DictType(value_type=inspect.AnyType()):
            return "a table"
        case inspect.DictType(value_type=value):
            return f"a table of {_many(value)}"
    return _ONE[type(kind)]


def _many(kind: inspect.Type) -> str:
    return " or ".join(_MANY[type(one)] for one in (kind.types if isinstance(kind, inspect.UnionType) else (kind,)))


def part_of(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table in a table; empty if there is none.

    Raises:
        InputError: something else stands there.
    """
    part = table.get(key, {})
    if not isinstance(part, Mapping):
        raise InputError(f"{key} must be a table, not {part!r}")
    return part


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
