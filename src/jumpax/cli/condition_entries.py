"""One condition of a problem file: model, start, parameters, data and source."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.cli import schema
from jumpax.cli.built import built
from jumpax.cli.data_entries import read_loss
from jumpax.cli.entries import part_of, read
from jumpax.cli.models import Amounts, find_file
from jumpax.cli.rule_loss import with_rules
from jumpax.importers import FileModel
from jumpax.inference import Derived, Fixed, Free, MasterEquation, Problem, Simulation, priors
from jumpax.inference.parameters import Parameter
from jumpax.inference.priors import AbstractPrior
from jumpax.networks import check_counts
from jumpax.networks.toml_model import read_model
from jumpax.networks.zoo import Model

PRIORS: dict[str, type[AbstractPrior]] = {
    law.__name__: law
    for law in (
        priors.LogNormal, priors.Normal, priors.Gamma, priors.Exponential, priors.HalfNormal, priors.Uniform, priors.LogUniform,
        priors.Beta, priors.Laplace, priors.LogLaplace, priors.Cauchy, priors.Rayleigh,
    )
}  # fmt: skip
_KIND = "a value has the wrong kind"
PAGE = "https://jumpax.readthedocs.io/formats/problem/"
MODEL = ("network", "theta", "x0", "units", "reference")
"""Entries of a model in the file itself."""


class Condition(NamedTuple):
    """What the entries of one condition ask for."""

    problem: Problem
    notes: tuple[str, ...]
    """What was assumed or changed in reading the model's file."""


class Collector:
    """Faults of several steps, told together."""

    def __init__(self):
        self.faults: list[str] = []
        self.unread = False

    def take(self, step: Callable[[], Any]) -> Any:
        """What a step makes; None, and one more fault, if it cannot."""
        try:
            return step()
        except (InputError, UnsupportedError) as fault:
            self.faults.append(str(fault))
            self.unread |= isinstance(fault, UnsupportedError)
        except (TypeError, ValueError) as fault:
            self.faults.append(f"{_KIND}: {fault}")
        return None

    def end(self, file: Path, command: str) -> None:
        """Refuse the file, if there are faults.

        Raises:
            InputError: with all of them; UnsupportedError, if something of the model is not read.
        """
        if not self.faults:
            return
        faults = [
            fault for fault in self.faults if _KIND not in fault
        ] or self.faults  # of which those are the consequences
        told = "\n".join("- " + fault.replace("\n", "\n  ") for fault in dict.fromkeys(faults))
        more = f"(jumpax {command} --template prints a file to begin with; {PAGE} has all entries)"
        raise (UnsupportedError if self.unread else InputError)(f"{file} cannot be used:\n{told}\n{more}")


def read_condition(table: Mapping[str, Any], file: Path, collected: Collector, *, amounts: Amounts) -> Condition | None:
    """The problem that a table describes; None, and more faults, if it cannot be set up."""
    model, opened = collected.take(lambda: read_model_of(table, file, amounts)) or (None, None)
    parameters = collected.take(lambda: read_parameters(part_of(table, "parameters"), model, "own")) if model else None
    loss = collected.take(lambda: read_loss(table, file.parent))
    source = collected.take(lambda: read_source(table))
    if model is None or parameters is None or loss is None or source is None:
        return None

    def together() -> Problem:
        options = {key: table[key] for key in ("settle", "start") if key in table}
        judged = with_rules(loss, model.network, {} if opened is None else opened.observables, parameters)
        return Problem(model.network, model.x0, judged, parameters, source=source, **options)

    problem = collected.take(together)
    return None if problem is None else Condition(problem, () if opened is None else opened.notes)


def read_model_of(table: Mapping[str, Any], file: Path, amounts: Amounts) -> tuple[Model, FileModel | None]:
    """A model of the zoo or of another file, with other numbers if given, or the one in this file.

    Raises:
        InputError, UnsupportedError: it cannot be read.
    """
    if ("model" in table) == ("network" in table):
        raise InputError(
            "give either model = '<name in the zoo, or a file>' or a table [network], with [x0] and [theta]"
        )
    if "network" in table:
        if amounts.molecules_per_unit is not None:
            raise InputError(
                "[x0] has numbers of molecules already; --molecules-per-unit is for files of SBML and Antimony"
            )
        own = {k: v for k, v in table.items() if k in MODEL}
        return read_model(own, name=file.stem, origin=str(file), round_counts=amounts.round_counts), None
    named = str(table["model"])
    made, opened = find_file(str(file.parent / named) if Path(named).suffix else named, amounts=amounts)
    own, theta = part_of(table, "x0"), part_of(table, "theta")
    known = ("x0", own, made.network.species), ("theta", theta, made.network.parameters)
    if wrong := [
        f"{key}: {unknown_name('entry', n, names)}" for key, part, names in known for n in part if n not in names
    ]:
        raise InputError("\n".join(wrong))
    start = check_counts(made.network, {**made.x0, **own}, round_counts=amounts.round_counts).tolist()
    x0 = dict(zip(made.network.species, start, strict=True))
    return Model(made.network, {**made.theta, **theta}, x0, made.times, made.reference), opened


def read_parameters(part: Mapping[str, Any], model: Model, extra: Literal["own", "prior"]) -> dict[str, Parameter]:
    """Parameters of the file; those of the network that it does not name are fixed at the model's values.

    Args:
        part: the table.
        model: whose values are taken.
        extra: what a free one may have besides: fits know conditions, posteriors know priors.

    Raises:
        InputError: everything that is wrong with them.
    """
    found: dict[str, Parameter] = {n: Fixed(v) for n, v in model.theta.items() if n not in part}
    faults = []
    for name, entry in part.items():
        try:
            found[name] = _parameter(name, entry, extra)
        except InputError as fault:
            faults.append(str(fault))
    if faults:
        raise InputError("\n".join(faults))
    return found


def _parameter(name: str, entry: Any, extra: str) -> Parameter:
    """`{free = 1.0, lower = 0.0, upper = 9.0}`, `{box = [..]}`, `{fixed = 1.0}`, `{product = [..]}` or `{ratio = [.., ..]}`."""
    where = f"parameters.{name}"
    given = [kind for kind in schema.PARAMETERS if isinstance(entry, Mapping) and kind in entry]
    if len(given) != 1:
        raise InputError(f"{where} must be a table with one of {', '.join(schema.PARAMETERS)}, not {entry!r}")
    asked = read(where, entry, schema.PARAMETERS[given[0]])
    if isinstance(asked, schema.Sought) and extra == "own" and asked.prior is not None:
        raise InputError(f"{where}: a fit takes no prior; jumpax infer draws from posteriors")
    if isinstance(asked, schema.Sought) and extra == "prior" and asked.own is not None:
        raise InputError(f"{where}: own is for the conditions of jumpax fit; a posterior of records has one value")
    try:
        match asked:
            case schema.Fixed():
                return Fixed(asked.fixed, asked.unit)
            case schema.Product():
                return Derived.product(*asked.product, unit=asked.unit)
            case schema.Ratio():
                return Derived.ratio(*asked.ratio, unit=asked.unit)
            case schema.Box():
                return dataclasses.replace(Free.box(*asked.box, unit=asked.unit), prior=_prior(asked))
            case schema.Free():
                bounds = {key: bound for key in ("lower", "upper") if (bound := getattr(asked, key)) is not None}
                return Free(asked.free, unit=asked.unit, prior=_prior(asked), **bounds)
    except InputError as fault:
        raise InputError(f"{where}: {fault}") from None
    raise AssertionError(asked)


def _prior(asked: schema.Sought) -> AbstractPrior | None:
    return None if asked.prior is None else built("prior", asked.prior, PRIORS)


def read_source(table: Mapping[str, Any]) -> Simulation | MasterEquation:
    """Where expectations come from.

    Raises:
        InputError: entries that nobody knows, or simulation and master equation at once.
    """
    if "exact" in table and "simulation" in table:
        raise InputError("give either [simulation] or [exact], not both")
    if "exact" in table:
        return MasterEquation(**read("exact", table["exact"], schema.Exact).given())
    return Simulation(**read("simulation", part_of(table, "simulation"), schema.Simulation).given())
