"""SBML as a model: discrete, exact, all that is not understood refused at once."""

import contextlib
import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from jumpax._base.doubt import doubt
from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.extras import need
from jumpax.importers import foreign, guard, kinetics
from jumpax.importers.counts import Counting, said, whole
from jumpax.importers.faults import Faults
from jumpax.importers.model import FileModel, Rule
from jumpax.importers.sbml_document import opened
from jumpax.importers.sbml_events import SbmlEvents
from jumpax.importers.symbols import Symbols, is_point
from jumpax.networks import Network, Reaction, check_counts, check_theta
from jumpax.networks.expressions.expression import Expression, Number, call, evaluate_host, names, reads_time, text
from jumpax.networks.laws.function import TIME
from jumpax.networks.parameters import LARGEST_COUNT

_TINY = re.compile(r'"\d[\d.]*[eE]-3(?:0[89]|[12]\d)"')
"""Numbers that libSBML takes for no numbers: CellDesigner writes 4.9E-324. Those in their place are no counts either."""


def read_sbml(path: Path, counting: Counting) -> FileModel:
    """The model in a file of SBML; see `read`."""
    text = _TINY.sub('"1E-307"', guard.check_xml(guard.load(path, guard.LARGEST_XML), str(path)))
    foreign.refuse_xml(text, str(path))
    return parse_sbml(text, str(path), path.stem, counting)


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
        self.values: dict[str, float] = {}
        self.asked: dict[str, None] = {}
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
        reactions = [r for reaction in self.model.getListOfReactions() for r in self._reaction(reaction)]
        events = tuple(self.events)
        x0 = self._counts()
        observables = dict(self._observables())
        if not reactions and not self.faults.wrong and not self.faults.unread:
            self.faults.unread.append("no reaction changes anything")
        theta = {}
        for parameter in dict.fromkeys(p for r in reactions for c in r.channels() for p in c.law.parameters):
            theta[parameter] = self._number(parameter)
        for name in self.asked if self.faults.count else ():  # of reactions with faults, too
            self._number(name)
        rates = dict.fromkeys(theta)
        theta |= self.events.beside(events, theta, self._number)
        self.faults.tell(origin)
        if self.events.rounds:
            self.notes.append("events round the counts that they set to whole numbers, halves upwards")
        given = self.model.getId()
        title = name if given in ("", "__main") else given  # the latter is Antimony's for a model without a name
        network = Network(reactions, species=[s for s in self.counts if s in x0], name=title, units=self._units(rates))
        check_theta(network, {name: theta[name] for name in rates})
        check_counts(network, x0)
        return FileModel(
            network, theta, x0, reference=origin, observables=observables, events=events,
            notes=tuple(note for note in (*self.symbols.units.notes(), *self.notes) if note),
            molecules={self.public(name): self.symbols.units.of(name).molecules for name in self.symbols.species},
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
        if parameter in self.values:
            return self.values[parameter]
        name = self.own.get(parameter, parameter)
        with self.faults.of(f"parameter {parameter!r}"):
            return self._amount(name) if name in self.symbols.species else self.symbols.number(name)
        return 0.0

    def _amount(self, species: str) -> float:
        """Molecules of a species at the start."""
        return self.symbols.amount(species) * self.symbols.units.of(species).molecules

    def _side(self, what: str, references: Any, most: int) -> tuple[tuple[str, int], ...]:
        """Species that count on one side of a reaction, with whole stoichiometries; what is wrong is noted."""
        side: dict[str, int] = {}
        for reference in references:
            name = reference.getSpecies()
            with self.faults.of(what):
                if name not in self.symbols.species:
                    raise InputError(f"{name!r} is not a species of the file")
                if not self.symbols.moves(name):
                    continue
                number = self._stoichiometry(what, reference)
                if not (number >= 0 and number == int(number)):
                    raise UnsupportedError(f"the stoichiometry {number:g} of {name!r}, which is not a whole number")
                if number:
                    side[self.public(name)] = side.get(self.public(name), 0) + int(number)
                if side.get(self.public(name), 0) > most:
                    raise UnsupportedError(f"a stoichiometry of {name!r} above {most:,}")
        return tuple(side.items())

    def _stoichiometry(self, what: str, reference: Any) -> float:
        """The number of molecules; of a formula of constants, its value at the start."""
        name, own = reference.getSpecies(), reference.getId() if reference.isSetId() else ""
        definition = self.symbols.rules.get(own) or self.symbols.starts.get(own)
        if reference.isSetStoichiometryMath():
            definition = reference.getStoichiometryMath()
        if definition is not None:
            formula = self.symbols.expression(definition.getMath())
            if reads_time(formula) or self.symbols.moving.intersection(names(formula)):
                raise UnsupportedError(f"the stoichiometry {text(formula)} of {name!r}, which changes")
            if own in self.symbols.assigned:
                raise UnsupportedError(f"a stoichiometry of {name!r} that an event changes")
            value = evaluate_host(formula, {n: self._number(n) for n in names(formula)})
            if names(formula):
                self.notes.append(
                    f"{what}: the stoichiometry of {name!r} is {value:g}, the value of {text(formula)} in the file"
                )
            return value
        if own in self.symbols.assigned:
            raise UnsupportedError(f"a stoichiometry of {name!r} that an event changes")
        if reference.isSetStoichiometry():
            return reference.getStoichiometry()
        if self.model.getLevel() > 2:
            raise InputError(f"the stoichiometry of {name!r} is missing")
        return 1.0

    def _reaction(self, reaction: Any) -> list[Reaction]:
        """The reaction; none if it changes no count, or something is wrong with it, all of which is noted."""
        what, before = f"line {reaction.getLine()}: reaction {reaction.getId()!r}", self.faults.count
        with self.faults.of(what):
            if reaction.isSetFast() and reaction.getFast():
                raise UnsupportedError("it is fast, an equilibrium rather than a reaction; give it rates")
        reactants = self._side(what, reaction.getListOfReactants(), guard.MOST_TAKEN)
        products = self._side(what, reaction.getListOfProducts(), guard.MOST_MADE)
        with self.faults.of(what):
            rate = self._rate(reaction)
            self.asked |= dict.fromkeys(name for name in names(rate) if name not in self.counts)
            if dict(reactants) == dict(products) or self.faults.count > before:
                return []
            stated, unit = self._in_molecules(reaction, rate, dict(reactants), dict(products))
            return [self._made(reaction.getId(), reactants, products, stated, unit, reaction.getReversible())]
        return []

    def _rate(self, reaction: Any) -> Expression:
        """The kinetic law, in units of the file."""
        law = reaction.getKineticLaw()
        if law is None or law.getMath() is None:
            raise InputError("it has no kinetic law")
        local = self.symbols.local(reaction)
        for parameter in (*law.getListOfParameters(), *law.getListOfLocalParameters()):
            if parameter.isSetValue():
                self.values[local[parameter.getId()]] = parameter.getValue()
        rate = self.symbols.expression(law.getMath(), local)
        missing = [public for public in local.values() if public in names(rate) and public not in self.values]
        if missing:
            raise InputError(f"local parameters without a value: {', '.join(missing)}")
        return rate

    def _in_molecules(
        self, reaction: Any, rate: Expression, before: dict[str, int], after: dict[str, int]
    ) -> tuple[Expression, float]:
        """The rate with its conversion factor, and the molecules in one unit of it."""
        changed = [self.counts[s] for s in self.counts if before.get(s) != after.get(s)]
        factors = dict.fromkeys(map(self.symbols.units.factor, changed))
        if len(factors) > 1:
            shown = ", ".join(name or "none" for name in factors)
            raise UnsupportedError(
                f"its species have different conversion factors ({shown}), so it changes them in another ratio"
            )
        unit = self.symbols.units.rate(reaction, changed)
        factor = next(iter(factors))
        return (call("multiply", self.symbols.value(factor), rate) if factor else rate), unit

    def _made(
        self, name: str, reactants: Any, products: Any, rate: Expression, unit: float, reversible: bool
    ) -> Reaction:
        """The reaction of a rate in units of the file; `unit` is the molecules in one."""
        mixed = kinetics.has_minus(rate)
        ways = kinetics.halves(rate, dict(reactants), dict(products)) if mixed and reversible else None
        if mixed and ways is None and kinetics.reads_backward(rate, dict(reactants), dict(products)):
            hint = "write two reactions" if reversible else "mark it reversible, or write two reactions"
            doubt(
                f"reaction {name!r} goes one way at the rate {text(rate)}, a difference that reads like forward minus backward; "
                f"it stops, or fails, where that is not positive. If so, {hint}"
            )
        rates = (rate,) if ways is None else ways
        laws = [
            kinetics.law(kinetics.scaled(rate, unit), side, self.counts)
            for rate, side in zip(rates, (reactants, products))
        ]
        return Reaction.of(reactants, products, *laws, name=name)

    def _counts(self) -> dict[str, int]:
        """Amounts at the start."""
        x0 = {}
        for name in self.symbols.counts:
            with self.faults.of(f"line {self.symbols.species[name].getLine()}: species {name!r}"):
                amount, unit = self._amount(name), self.symbols.units.of(name)
                converted = unit.molecules != 1.0
                if LARGEST_COUNT < amount < math.inf:
                    declared = f", {self.symbols.amount(name):.6g} {unit.name}," if converted else ""
                    raise InputError(
                        f"its initial amount{declared} is {amount:.3g} molecules; at most {LARGEST_COUNT:,} are counted. "
                        f"{self._fewer(converted)}"
                    )
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
        """Rules, and species that never change, as formulas of counts; not those that read the time or change by events."""
        fixed = [name for name in self.symbols.species if name not in self.symbols.counts]
        for name in dict.fromkeys((*fixed, *self.symbols.rules)):
            if name in self.symbols.references or name in self.symbols.compartments:
                continue
            with self.faults.of(f"rule for {name!r}" if name in self.symbols.rules else f"species {name!r}"):
                if name in self.symbols.rules:
                    expression = self.symbols.value(name)
                    if name in self.symbols.species:
                        expression = self.symbols.molecules(name, expression)
                else:
                    expression = Number(self._amount(name))
                read = [n for n in names(expression) if n not in self.counts]
                if not reads_time(expression) and not {self.public(n) for n in self.symbols.assigned} & {*read}:
                    yield name, Rule(expression, tuple((n, self._number(n)) for n in read))

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
