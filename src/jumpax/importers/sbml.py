"""SBML as a model: discrete, exact, all that is not understood refused at once."""

import contextlib
import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.extras import need
from jumpax.importers import foreign, guard
from jumpax.importers.counts import Counting, said, whole
from jumpax.importers.faults import Faults
from jumpax.importers.model import FileModel, Rule
from jumpax.importers.sbml_document import opened
from jumpax.importers.sbml_events import SbmlEvents
from jumpax.importers.sbml_flows import flows
from jumpax.importers.sbml_reactions import SbmlReactions
from jumpax.importers.symbols import Symbols, is_point
from jumpax.networks import Network, check_counts, check_theta
from jumpax.networks.expressions.expression import Number, names, reads_time
from jumpax.networks.laws.function import TIME
from jumpax.networks.parameters import LARGEST_COUNT

_TINY = re.compile(r'"\d[\d.]*[eE]-3(?:0[89]|[12]\d)"')
"""Numbers that libSBML takes for no numbers: CellDesigner writes 4.9E-324. Those in their place are no counts either."""


def read_sbml(path: Path, counting: Counting) -> FileModel:
    """The model in a file of SBML; see `read`."""
    return parse_sbml(sbml_text(path), str(path), path.stem, counting)


def sbml_text(path: Path) -> str:
    """The text of a file that is SBML by its looks.

    Raises:
        InputError, UnsupportedError: it is not.
    """
    text = _TINY.sub('"1E-307"', guard.check_xml(guard.load(path, guard.LARGEST_XML), str(path)))
    foreign.refuse_xml(text, str(path))
    return text


def parse_sbml(text: str, origin: str, name: str, counting: Counting) -> FileModel:
    """The model in a text that the guard has passed; see `read`."""
    need("models", "reading SBML")
    faults = Faults()
    document, model = opened(text, origin, faults)
    made = _Builder(model, faults, TIME if "symbols/time" in text else None, counting).build(origin, name)
    del document  # the model lived in it
    return made


class _Builder:
    """Goes through one model and keeps what is wrong with it."""

    def __init__(self, model: Any, faults: Faults, reserved: str | None, counting: Counting):
        self.model, self.faults, self.reserved, self.counting = model, faults, reserved, counting
        self.taken = {x.getId() for x in (*model.getListOfSpecies(), *model.getListOfParameters())}
        self.taken |= {x.getId() for x in model.getListOfCompartments()}
        self.symbols = Symbols(model, self.public, counting.per_unit)
        self.events = SbmlEvents(model, self.symbols, faults, counting)
        self.counts = {self.public(name): name for name in self.symbols.counts}
        self.own = {self.public(name): name for name in reversed(self.symbols.known())}
        self.reactions = SbmlReactions(model, self.symbols, faults, self.counts, self._number)
        self.notes: list[str] = []

    def public(self, name: str) -> str:
        """The name in the network: as in the file, unless it means the time there and the file reads the time."""
        if name != self.reserved:
            return name
        while name in self.taken:
            name += "_"
        return name

    def build(self, origin: str, name: str) -> FileModel:
        """The model, or all faults."""
        self._look_around()
        reactions = [*self.reactions]
        moving, events = tuple(flows(self.model, self.symbols, self.faults)), tuple(self.events)
        x0 = self._counts()
        observables = dict(self._observables())
        starts = dict(self._starts()) if self.counting.open_start else {}
        if not reactions and not moving and not self.faults.wrong and not self.faults.unread:
            self.faults.unread.append("no reaction changes anything")
        theta = {}
        for parameter in dict.fromkeys(p for r in reactions for c in r.channels() for p in c.law.parameters):
            theta[parameter] = self._number(parameter)
        for name in dict.fromkeys(n for flow in moving for n in (flow.name, *names(flow.rate)) if n not in self.counts):
            theta[name] = self._number(name)
        for parameter in self.reactions.asked if self.faults.count else ():  # of reactions with faults, too
            self._number(parameter)
        rates = dict.fromkeys(theta)
        theta |= self.events.beside(events, theta, self._number)
        self.faults.tell(origin)
        if self.symbols.drawn:
            self.notes.append(
                f"drawn anew at time 0 of each path: {', '.join(map(self.public, self.symbols.drawn))}; where start= is later they keep the values given"
            )
        if self.events.rounds:
            self.notes.append("events round the counts that they set to whole numbers, halves upwards")
        given = self.model.getId()
        title = name if given in ("", "__main") else given  # the latter is Antimony's for a model without a name
        network = Network(
            reactions, species=[s for s in self.counts if s in x0], name=title, units=self._units(rates), flows=moving
        )
        check_theta(network, {parameter: theta[parameter] for parameter in rates})
        check_counts(network, x0)
        return FileModel(
            network, theta, x0, reference=origin, observables=observables, events=events,
            notes=tuple(note for note in (*self.symbols.units.notes(), *self.reactions.notes, *self.notes) if note),
            molecules={self.public(name): self.symbols.units.of(name).molecules for name in self.symbols.species},
            starts=starts,
        )  # fmt: skip

    def _look_around(self) -> None:
        """Species and compartments that cannot be understood."""
        for species in self.model.getListOfSpecies():
            with self.faults.of(f"line {species.getLine()}: species {species.getId()!r}"):
                self.symbols.units.of(species.getId())
        for compartment in self.model.getListOfCompartments():
            if is_point(compartment) and compartment.isSetSize() and compartment.getSize() != 1.0:
                self.faults.unread.append(
                    f"line {compartment.getLine()}: compartment {compartment.getId()!r} has no dimensions, but a size; leave one out"
                )

    def _number(self, parameter: str) -> float:
        """The value of a number of theta."""
        if parameter in self.reactions.values:
            return self.reactions.values[parameter]
        name = self.own.get(parameter, parameter)
        if name in self.symbols.drawn:
            return 0.0  # until the start
        with self.faults.of(f"parameter {parameter!r}"):
            counted = name in self.symbols.species and name not in self.symbols.flows
            return self._amount(name) if counted else self.symbols.number(name)
        return 0.0

    def _amount(self, species: str) -> float:
        """Molecules of a species at the start."""
        return self.symbols.amount(species) * self.symbols.units.of(species).molecules

    def _counts(self) -> dict[str, int]:
        """Amounts at the start."""
        x0 = {}
        for name in self.symbols.counts:
            if name in self.symbols.drawn:
                x0[self.public(name)] = 0  # until the start
                continue
            with self.faults.of(f"line {self.symbols.species[name].getLine()}: species {name!r}"):
                amount, unit = self._amount(name), self.symbols.units.of(name)
                converted = unit.molecules != 1.0
                if LARGEST_COUNT < amount < math.inf and not self.counting.open_start:
                    declared = f", {self.symbols.amount(name):.6g} {unit.name}," if converted else ""
                    raise InputError(
                        f"its initial amount{declared} is {amount:.3g} molecules; at most {LARGEST_COUNT:,} are counted. "
                        f"{self._fewer(converted)}"
                    )
                if self.counting.open_start:
                    x0[self.public(name)] = (
                        int(min(max(amount + 0.5, 0.0), LARGEST_COUNT)) if math.isfinite(amount) else 0
                    )
                    continue
                x0[self.public(name)] = whole(amount, converted=converted, rounded=self.counting.rounded)
                self.notes.append(said(name, amount, x0[self.public(name)]))
        return x0

    def _fewer(self, converted: bool) -> str:
        """What to do about too many molecules, with a number that makes ten thousand or some thousands of the largest amount."""
        amounts = [0.0]
        for name in self.symbols.counts:
            with contextlib.suppress(InputError, UnsupportedError):
                amounts.append(self.symbols.amount(name))
        number = f"{10.0 ** math.floor(4 - math.log10(max(filter(math.isfinite, amounts)))):g}"
        declare = (
            "If the file means molecules, declare item as its unit of substance; else say"
            if converted and self.counting.per_unit is None
            else "Say"
        )
        return (
            f"{declare} how many molecules a unit is to be: molecules_per_unit={number} of jumpax.read, --molecules-per-unit "
            f"{number} of the commands"
        )

    def _observables(self) -> Any:
        """Rules, and species that never change, as formulas of counts; not those that read the time, or what events or rate rules change."""
        fixed = [name for name in self.symbols.species if name not in self.symbols.counts]
        for name in dict.fromkeys((*fixed, *self.symbols.rules)):
            if name in {*self.symbols.references, *self.symbols.compartments, *self.symbols.flows}:
                continue
            with self.faults.of(f"rule for {name!r}" if name in self.symbols.rules else f"species {name!r}"):
                if name in self.symbols.rules:
                    expression = self.symbols.value(name)
                    if name in self.symbols.species:
                        expression = self.symbols.molecules(name, expression)
                else:
                    expression = Number(self._amount(name))
                read = [n for n in names(expression) if n not in self.counts]
                changing = map(self.public, (*self.symbols.assigned, *self.symbols.flows))
                if not reads_time(expression) and not {*read}.intersection(changing):
                    yield name, Rule(expression, tuple((n, self._number(n)) for n in read))

    def _starts(self) -> Iterator[tuple[str, Rule]]:
        """Molecules at the start, as formulas of parameters."""
        for name in self.symbols.counts:
            with self.faults.of(f"the start of species {name!r}"):
                expression = self.symbols.start(name)
                read = [n for n in names(expression) if n not in self.counts]
                yield self.public(name), Rule(expression, tuple((n, self._number(n)) for n in read))

    def _units(self, theta: Collection[str]) -> dict[str, str]:
        """Units of parameters, as the file calls them, and of counts that are not just items of the file."""
        found = {self.public(name): p for name, p in self.symbols.parameters.items() if p.isSetUnits()}
        units = {name: parameter.getUnits() for name, parameter in found.items() if name in theta}
        for name in self.symbols.counts:
            unit = self.symbols.units.of(name)
            if unit.name and unit.note:
                converted = unit.molecules != 1.0
                units[self.public(name)] = (
                    f"molecules, {unit.molecules:.9g} per {unit.name}"
                    if converted
                    else f"molecules, in the file {unit.name}"
                )
        return units
