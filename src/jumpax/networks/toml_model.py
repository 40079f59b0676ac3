"""A model written as TOML: reactions with laws by name, and numbers."""

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jumpax._base.errors import InputError, unknown_name
from jumpax.networks.laws import AbstractLaw, Hill, MassAction, MichaelisMenten
from jumpax.networks.network import Network
from jumpax.networks.parameters import check_counts, check_theta
from jumpax.networks.reaction import Reaction
from jumpax.networks.zoo.model import Model

Table = Mapping[str, Any]

LAWS: dict[str, tuple[Callable[..., AbstractLaw], tuple[str, ...], tuple[str, ...]]] = {
    "mass_action": (MassAction, ("rate",), ()),
    "hill": (Hill, ("regulator", "maximum", "threshold", "exponent"), ("basal", "kind")),
    "michaelis_menten": (MichaelisMenten, ("substrate", "maximum", "constant"), ("enzyme",)),
}
"""Law by name: its class, the fields that it needs, and those that it may have."""

_TOP = ("network", "theta", "x0", "units", "times", "reference")
_NETWORK = ("reactions", "species", "name")


def load_model(file: str | os.PathLike[str], also: Iterable[str] = (), *, round_counts: bool = False) -> Model:
    """The model in a TOML file; see `read_model`.

    Raises:
        InputError: no such file, no TOML, or everything that is wrong with the model, at once.
    """
    path = Path(file)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise InputError(f"the model {path} cannot be read: {fault.strerror or fault}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{path} is not TOML: {fault}") from fault
    return read_model(table, also=also, name=path.stem, origin=str(path), round_counts=round_counts)


def read_model(
    table: Table,
    *,
    also: Iterable[str] = (),
    name: str = "model",
    origin: str = "the model",
    round_counts: bool = False,
) -> Model:
    """A model from the mapping that a TOML file holds.

    `[network]` has `reactions`, a list of tables with `equation`, `law` ("mass_action" unless another is named: "hill",
    "michaelis_menten"), the fields of that law as they are called in Python, and `name` if wanted; a reversible
    reaction has the law of the way back in `reverse`, a table of the same kind. `species` (their order) and `name` may
    stand there too. `[theta]` and `[x0]` hold numbers by name; `[units]` text by name; `times` and `reference` may
    stand at the top of the file. A field of a law is the name of a parameter, or a number.

    Args:
        table: as `tomllib` gives it.
        also: names at the top that belong to somebody else and are passed over.
        name: of the network, unless it names itself.
        origin: how messages call the table.
        round_counts: round fractions in `[x0]` to the nearest integer instead of refusing them.

    Raises:
        InputError: everything that is wrong with the table, at once.

    Examples:
        >>> table = {
        ...     "network": {"reactions": [{"equation": "0 -> X", "rate": "birth"}, {"equation": "X -> 0", "rate": 1}]},
        ...     "theta": {"birth": 10.0},
        ...     "x0": {"X": 0},
        ... }
        >>> read_model(table).network.parameters
        ('birth',)
    """
    faults = [unknown_name("entry", key, (*_TOP, *also)) for key in table if key not in (*_TOP, *also)]
    parts = {key: _table(table, key, faults, required=key == "network") for key in ("network", "theta", "x0", "units")}
    network = _network(parts["network"], parts["units"], name, faults)
    if network is not None:
        counts = partial(check_counts, round_counts=round_counts)
        for check, values in ((check_theta, parts["theta"]), (counts, parts["x0"])):
            try:
                check(network, values)
            except InputError as fault:
                faults.append(str(fault))
    times, reference = _times(table.get("times", []), faults), table.get("reference", "")
    if not isinstance(reference, str):
        faults.append(f"reference must be text, not {reference!r}")
    if faults or network is None:
        raise InputError(f"{origin} cannot be used:\n" + "\n".join(f"- {_indent(fault)}" for fault in faults))
    theta = {key: float(parts["theta"][key]) for key in network.parameters}
    start = check_counts(network, parts["x0"], round_counts=round_counts).tolist()
    return Model(network, theta, dict(zip(network.species, start, strict=True)), times, reference)


def _table(table: Table, key: str, faults: list[str], *, required: bool) -> Table:
    """A table inside a table; empty if it is not there."""
    if key not in table:
        if required:
            faults.append(f"the table [{key}] is missing")
        return {}
    if not isinstance(table[key], Mapping):
        faults.append(f"{key} must be a table, [{key}], not {table[key]!r}")
        return {}
    return table[key]


def _network(table: Table, units: Table, name: str, faults: list[str]) -> Network | None:
    """The network, or None when something is wrong with it."""
    before = len(faults)
    faults += [f"network: {unknown_name('entry', key, _NETWORK)}" for key in table if key not in _NETWORK]
    given, species, name = table.get("reactions", []), table.get("species"), table.get("name", name)
    if not isinstance(name, str):
        faults.append(f"network: name must be text, not {name!r}")
    if species is not None and not (isinstance(species, list) and all(isinstance(s, str) for s in species)):
        faults.append(f"network: species must be a list of names, not {species!r}")
    faults += [
        f"units: the unit of {key!r} must be text, not {unit!r}"
        for key, unit in units.items()
        if not isinstance(unit, str)
    ]
    if not isinstance(given, list) or (table and not given):
        faults.append("network: reactions must be a list of tables, each with an equation and a law")
        given = []
    reactions = [_reaction(number, entry, faults) for number, entry in enumerate(given, 1)]
    if len(faults) > before or not reactions:
        return None
    try:
        return Network([r for r in reactions if r is not None], species=species, name=name, units=units)
    except InputError as fault:
        faults.append(str(fault))
        return None


def _reaction(number: int, entry: Any, faults: list[str]) -> Reaction | None:
    """One reaction; what is wrong with it goes to the faults."""
    if not isinstance(entry, Mapping) or "equation" not in entry:
        faults.append(f"reaction {number}: must be a table with an equation, not {entry!r}")
        return None
    place, before = f"reaction {number} ({entry['equation']})", len(faults)
    fields = {key: value for key, value in entry.items() if key not in ("equation", "name", "reverse")}
    law, back = _law(place, fields, faults), None
    if "reverse" in entry:
        way = entry["reverse"]
        back = _law(f"{place}, reverse", way, faults) if isinstance(way, Mapping) else None
        if not isinstance(way, Mapping):
            faults.append(f"{place}: reverse must be a table with a law, such as {{ rate = 'k' }}, not {way!r}")
    if law is None or len(faults) > before:
        return None
    try:
        return Reaction(entry["equation"], law, back, name=entry.get("name"))
    except InputError as fault:
        faults.append(f"{place}: {fault}")
        return None


def _law(place: str, fields: Table, faults: list[str]) -> AbstractLaw | None:
    """A law by name with its fields."""
    kind = fields.get("law", "mass_action")
    if not isinstance(kind, str) or kind not in LAWS:
        faults.append(f"{place}: {unknown_name('law', kind, LAWS)}")
        return None
    build, needed, optional = LAWS[kind]
    given = {key: value for key, value in fields.items() if key != "law"}
    wrong = [
        f"{place}: {unknown_name(f'field of {kind}', k, (*needed, *optional))}"
        for k in given
        if k not in (*needed, *optional)
    ]
    wrong += [f"{place}: {kind} needs {key}" for key in needed if key not in given]
    faults += wrong
    if wrong:
        return None
    try:
        return build(**given)
    except InputError as fault:
        faults.append(f"{place}: {fault}")
        return None


def _times(times: Any, faults: list[str]) -> tuple[float, ...]:
    """When to look."""
    numbers = isinstance(times, list) and all(isinstance(t, int | float) and not isinstance(t, bool) for t in times)
    if not numbers or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        faults.append(f"times must be a list of increasing numbers, not {times!r}")
        return ()
    return tuple(float(time) for time in times)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
