"""`jumpax check`."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
from cyclopts import Parameter

from jumpax._base.errors import InputError, TooLargeError, UnsupportedError
from jumpax._base.extras import EXTRAS, missing
from jumpax._base.types import Precision, default_precision
from jumpax.cli import large_network
from jumpax.cli.models import AS_DECLARED, AmountOptions, Numbers, find_file
from jumpax.cli.operations import network_program, operations_per_event
from jumpax.cli.output import Output, people, print_json, print_notes, print_table
from jumpax.cli.petab_checked import read_checked, show_problem
from jumpax.cli.petab_file import AS_TOLD, TableOptions, is_petab, refuse_told
from jumpax.cli.wording import in_options
from jumpax.engines import simulate
from jumpax.engines.choice import engine_for, too_large_to_count
from jumpax.engines.size import operations
from jumpax.exact import StateSpace
from jumpax.importers import FileModel
from jumpax.networks import Network, doubts
from jumpax.networks.ceiling import check_ceilings
from jumpax.networks.describe import MANY
from jumpax.networks.zoo import Model

_PATHS, _STEPS, _SECONDS = 4096, 64, 0.3
_MOST_STATES = 20_000
FEW = 5
"""Reactions, parameters and the like of a large network that are shown."""


def run(
    model: str | None = None,
    /,
    *,
    theta: Numbers = None,
    x0: list[str] | None = None,
    tables: TableOptions = AS_TOLD,
    amounts: AmountOptions = AS_DECLARED,
    precision: Literal["float32", "float64"] | None = None,
    run_it: Annotated[bool, Parameter(name="--speed", negative="--no-speed")] = True,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Say what this machine can do and, of a model: its structure, doubts about it, its cost and its speed here.

    Args:
        model: A model of the zoo by name, or a file (TOML, SBML, Antimony, BioNetGen), or the YAML file of a PEtab problem; without it
            only the machine is looked at.
        theta: Parameters, or counts at the start, as name=number; may be repeated.
        x0: Counts at the start, as name=number; may be repeated.
        tables: What PEtab does not say.
        amounts: How amounts of a file become counts.
        precision: Of times and propensities.
        run_it: Whether to measure the speed in a short run.
        output: How the answer is given.
    """
    document: dict[str, Any] = {"command": "check", "machine": _machine()}
    if model is not None:
        begin = time.perf_counter()
        if is_petab(Path(model)):
            chosen, file, document["problem"] = read_checked(
                Path(model), amounts, tables, [*(theta or ()), *(x0 or ())]
            )
        else:
            refuse_told(Path(model), tables)
            chosen, file = find_file(model, theta or (), x0 or (), without_events=True, amounts=amounts)
        read = time.perf_counter() - begin
        document["model"] = _model(chosen, file, precision or default_precision(), run_it, read)
    if output.json:
        print_json(document)
    else:
        _show(document)


def _machine() -> dict[str, Any]:
    """Versions, devices, and which extras are there."""
    packages = ("jumpax", "jax", "jaxlib", "numpy", "equinox")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "backend": jax.default_backend(),
        "devices": [str(device) for device in jax.devices()],
        "precision": default_precision(),
        "extras": {extra: {"installed": not missing(extra), "missing": list(missing(extra))} for extra in EXTRAS},
    }


def _model(model: Model, file: FileModel | None, precision: Precision, run_it: bool, read: float) -> dict[str, Any]:
    network = model.network
    begin = time.perf_counter()
    engine, refused = _engine(network, precision)
    spent = {"reading": read, "tables": time.perf_counter() - begin}
    on_tables = engine == "tables"
    large = on_tables or too_large_to_count(network_program(network, precision))
    kinds = {} if large else operations_per_event(network, precision)
    speed = (large_network.speed if on_tables else _speed) if run_it and refused is None else None
    made = {
        "name": network.name,
        "description": network.describe(FEW if large else None),
        "species": len(network.species),
        "reactions": network.reaction_count,
        "parameters": len(network.parameters),
        "digest": network.digest,
        "conserved": None if len(network.species) > MANY else _conserved(model),
        "doubts": list(doubts(network)),
        "time_dependent": network.time_dependent,
        "notes": () if file is None else file.notes,
        "molecules_per_unit": {} if file is None else dict(file.molecules),
        "observables": {} if file is None else {name: str(rule) for name, rule in file.observables.items()},
        "events": {} if file is None else {event.name: str(event) for event in file.events},
        "engine": engine,
        "refused": refused,
        "states": {"number": None, "why": "not looked for in so large a network"} if large else _states(model),
        "precision": precision,
        "operations_per_event": {
            "total": round(operations(network)) if large else sum(kinds.values()),
            "by_kind": kinds,
            "estimated": large,
        },
        "tables": large_network.tables(network, spent) if on_tables else None,
        "speed": None if speed is None else speed(model, precision),
    }
    if on_tables:
        made["tables"]["peak"] = large_network.peak()
    return made


def _engine(network: Network, precision: Precision) -> tuple[str | None, str | None]:
    """The engine that would draw its paths, or why none would."""
    try:
        return engine_for(network_program(network, precision), None).name, None
    except TooLargeError as refusal:
        return None, str(refusal)


def _conserved(model: Model) -> list[dict[str, Any]]:
    """Weights of the species in each sum that no reaction changes, and its value."""
    species = model.network.species
    return [
        {
            "weights": {name: weight for name, weight in zip(species, row) if weight},
            "value": sum(weight * model.x0[name] for name, weight in zip(species, row)),
        }
        for row in model.network.conservation_laws().tolist()
    ]


def _states(model: Model) -> dict[str, Any]:
    """How many states there are, if they are few."""
    try:
        space = StateSpace.reachable(model.network, model.x0, max_states=_MOST_STATES)
    except UnsupportedError as fault:
        return {"number": None, "why": str(fault)}
    except InputError:
        return {"number": None, "why": f"more than {_MOST_STATES:,}, or without end; exact solutions need limits"}
    return {"number": space.size, "why": "all that can be reached"}


def _speed(model: Model, precision: Precision) -> dict[str, Any]:
    """Compilation, and events per second on one thread, measured on paths of a fixed number of events."""
    try:
        check_ceilings(model.network, [max(model.x0[name], 1) for name in model.network.species], model.theta)
    except UnsupportedError as fault:
        return {"compile_seconds": None, "events_per_second": None, "why": str(fault)}

    def measure(steps: int) -> tuple[int, float]:
        begin = time.perf_counter()
        paths = simulate(
            model.network, model.theta, model.x0, steps=[steps], paths=_PATHS, key=0, precision=precision, throw=False
        )
        return int(paths.events.sum()), time.perf_counter() - begin

    steps, (events, first) = _STEPS, measure(_STEPS)
    events, seconds = measure(steps)
    compiled = max(first - seconds, 0.0)
    for _ in range(4):  # longer, until a run takes long enough to be timed; paths that end early stop growing
        if seconds >= _SECONDS:
            break
        steps = int(steps * min(32.0, 1.5 * _SECONDS / seconds)) + 1
        more, seconds = measure(steps)
        if more <= events:
            break
        events = more
    return {
        "compile_seconds": compiled,
        "events_per_second": events / seconds,
        "events": events,
        "seconds": seconds,
        "paths": _PATHS,
        "why": "one thread, in paths of a fixed number of events",
    }


def _show(document: dict[str, Any]) -> None:
    machine = document["machine"]
    extras = [
        name if now["installed"] else f"{name} missing: pip install 'jumpax[{name}]'"
        for name, now in machine["extras"].items()
    ]
    rows = {
        "python": machine["python"],
        "platform": machine["platform"],
        **machine["versions"],
        "backend": f"{machine['backend']}: {', '.join(machine['devices'])}",
        "cores": str(machine["cores"]),
        "precision": machine["precision"],
        "extras": "; ".join(extras),
    }
    print_table("this machine", {"what": list(rows), "value": list(rows.values())})
    if "model" in document:
        _show_model(document["model"])
    if "problem" in document:
        show_problem(document["problem"])


def _show_model(model: dict[str, Any]) -> None:
    people().print(model["description"], soft_wrap=True)
    speed: dict[str, Any] = model["speed"] or {"compile_seconds": None, "events_per_second": None}
    for what in ("observables", "events"):
        lines = [f"{what[:-1]} {name}: {formula}" for name, formula in model[what].items()]
        most = FEW if model["tables"] else len(lines)
        rest = [f"... and {len(lines) - most:,} more {what}"] if len(lines) > most else []
        for line in [*lines[:most], *rest]:
            people().print(line, soft_wrap=True)
    print_notes(model["notes"])
    rows = {
        "doubts": "\n".join(model["doubts"]) or "none",
        "engine": model["engine"] or "none",
        "states": f"{model['states']['number']:,}" if model["states"]["number"] else model["states"]["why"],
        **(large_network.rows(model) if model["tables"] else _turn(model, speed)),
        "speed": "not measured"
        if speed["events_per_second"] is None
        else f"{speed['events_per_second'] / 1e6:.3g} million events/s in {model['precision']}, on one thread",
    }
    people().print()
    if model["refused"]:
        people().print(in_options(model["refused"], "check"), soft_wrap=True)
    print_table("cost", {"what": list(rows), "value": list(rows.values())})


def _turn(model: dict[str, Any], speed: dict[str, Any]) -> dict[str, str]:
    """What a turn of the loop takes, and its compilation."""
    made, compiled = model["operations_per_event"], speed["compile_seconds"]
    kinds = ", ".join(f"{count} {name}" for name, count in list(made["by_kind"].items())[:6])
    return {
        "operations per event": f"about {made['total']:,}" if made["estimated"] else f"{made['total']} ({kinds}, ...)",
        "compilation": "not measured" if compiled is None else f"{compiled:.2f} s",
    }
