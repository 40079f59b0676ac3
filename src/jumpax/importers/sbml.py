"""SBML as a model: discrete, exact, all that is not understood refused at once."""

import math
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax._base.extras import need
from jumpax.importers import foreign, guard, kinetics
from jumpax.importers.counts import near_whole, said, whole
from jumpax.importers.faults import Faults
from jumpax.importers.model import FileModel, Rule
from jumpax.importers.symbols import Symbols, is_point
from jumpax.networks import Network, Reaction, check_counts, check_theta
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, Number, evaluate_host, flag, names, reads_time, text
from jumpax.networks.laws.function import TIME
from jumpax.networks.parameters import LARGEST_COUNT
from jumpax.networks.triggers import check

_UNCHECKED = (
    "GENERAL_CONSISTENCY", "UNITS_CONSISTENCY", "MATHML_CONSISTENCY", "SBO_CONSISTENCY", "OVERDETERMINED_MODEL",
    "MODELING_PRACTICE",
)  # fmt: skip
_EMPTY = (
    "EmptyListElement", "EmptyListInReaction", "EmptyListInKineticLaw", "EmptyListOfUnits", "EmptyUnitListElement",
    "MissingEventAssignment",
)  # fmt: skip
_EMPTY_UNITS = "<listOfUnits> container in a <unitDefinition> cannot be empty."  # Level 2 Version 1 has no code for it
_READ_PACKAGES = ("l3v2extendedmath",)  # only more operations, which the allow-list judges


def read_sbml(path: Path, round_counts: bool) -> FileModel:
    """The model in a file of SBML; see `read`."""
    text = guard.check_xml(guard.load(path, guard.LARGEST_XML), str(path))
    foreign.refuse_xml(text, str(path))
    return parse_sbml(text, str(path), path.stem, round_counts)


def parse_sbml(text: str, origin: str, name: str, round_counts: bool) -> FileModel:
    """The model in a text that the guard has passed; see `read`."""
    need("models", "reading SBML")
    import libsbml

    document = libsbml.readSBMLFromString(text)
    broken, model = _errors(document), document.getModel()
    if not broken and document.getLevel() == 1 and model is not None:
        broken = _modernised(document, model)
    if broken or model is None:
        listed = "\n".join(f"- {fault}" for fault in broken or ["there is no model in it"])
        raise InputError(f"{origin} is not SBML that can be read:\n{listed}")
    faults = Faults()
    for checks in _UNCHECKED:
        document.setConsistencyChecks(getattr(libsbml, f"LIBSBML_CAT_{checks}"), False)
    document.checkConsistency()  # names that are used twice
    faults.wrong += _errors(document)
    _refuse_document(document, model, faults)
    made = _Builder(model, faults, TIME if "symbols/time" in text else None, round_counts)
    return made.build(origin, name)


def _errors(document: Any) -> list[str]:
    """What libSBML says is wrong, in short; not that a list is empty, which says nothing about the model."""
    import libsbml

    errors = [document.getError(place) for place in range(document.getNumErrors())]
    empty = {getattr(libsbml, name) for name in _EMPTY}
    errors = [e for e in errors if e.getErrorId() not in empty and not e.getMessage().strip().endswith(_EMPTY_UNITS)]
    said = [(e.getLine(), " ".join(e.getMessage().split())) for e in errors if e.isError() or e.isFatal()]
    short = [(line, text if len(text) <= 300 else f"{text[:120]} ... {text[-170:]}") for line, text in said]
    return list(dict.fromkeys(f"line {line}: {text}" for line, text in short))


def _modernised(document: Any, model: Any) -> list[str]:
    """What hinders libSBML's converter from Level 1 to 2, after which the document is of Level 2."""
    for compartment in model.getListOfCompartments():
        if not compartment.isSetSize():
            compartment.setSize(1.0)  # the default of Level 1, which the converter forgets
    if document.setLevelAndVersion(2, 5, False):
        return []
    return [*_errors(document), "libSBML cannot convert it from Level 1 to Level 2"]


def _refuse_document(document: Any, model: Any, faults: Faults) -> None:
    """Elements that are not read, whatever is in them."""
    for place in range(document.getNumPlugins() if document.getLevel() > 2 else 0):
        package = document.getPlugin(place).getPackageName()
        if document.getPkgRequired(package) and package not in _READ_PACKAGES:
            faults.unread.append(f"the package {package!r}, which the file says is required")
    for place in range(document.getNumUnknownPackages()):
        package = document.getUnknownPackagePrefix(place)
        if document.getPackageRequired(document.getUnknownPackageURI(place)):
            faults.unread.append(f"the package {package!r}, which the file says is required")
    for rule in model.getListOfRules():
        if not rule.isAssignment():
            kind = "algebraic rule" if rule.isAlgebraic() else f"rate rule for {rule.getVariable()!r}"
            faults.unread.append(f"line {rule.getLine()}: {kind}; counts change by reactions and events only")
    for constraint in model.getListOfConstraints():
        faults.unread.append(f"line {constraint.getLine()}: constraint; take it out, it does not act on the model")
    if model.isSetConversionFactor():
        faults.unread.append("a conversion factor of the model; express all amounts in items")


class _Builder:
    """Goes through one model and keeps what is wrong with it."""

    def __init__(self, model: Any, faults: Faults, reserved: str | None, round_counts: bool):
        self.model, self.faults, self.reserved, self.round_counts = model, faults, reserved, round_counts
        self.taken = {x.getId() for x in (*model.getListOfSpecies(), *model.getListOfParameters())}
        self.taken |= {x.getId() for x in model.getListOfCompartments()}
        self.symbols = Symbols(model, self.public)
        self.counts = {self.public(name): name for name in self.symbols.counts}
        self.own = {self.public(name): name for name in reversed(self.symbols.known())}
        self.values: dict[str, float] = {}
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
        events = tuple(self._events())
        x0 = self._counts()
        observables = dict(self._observables())
        if not reactions and not self.faults.wrong and not self.faults.unread:
            self.faults.unread.append("no reaction changes anything")
        theta = {}
        for parameter in dict.fromkeys(p for r in reactions for c in r.channels() for p in c.law.parameters):
            theta[parameter] = self._number(parameter)
        rates = dict.fromkeys(theta)
        theta |= self._beside(events, theta)
        self.faults.tell(origin)
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
            what = f"line {species.getLine()}: species {species.getId()!r}"
            with self.faults.of(what):
                self.symbols.units.of(species.getId())
            if species.isSetConversionFactor():
                self.faults.unread.append(f"{what}: a conversion factor; express all amounts in items")
        for compartment in self.model.getListOfCompartments():
            name = compartment.getId()
            if is_point(compartment) and compartment.isSetSize() and compartment.getSize() != 1.0:
                self.faults.unread.append(
                    f"line {compartment.getLine()}: compartment {name!r} has no dimensions, but a size; leave one out"
                )
            if name in self.symbols.assigned or name in self.symbols.rules:
                self.faults.unread.append(f"line {compartment.getLine()}: compartment {name!r} changes its size")
        for name, start in self.symbols.starts.items():
            if name in self.symbols.references:
                self.faults.unread.append(f"line {start.getLine()}: initial assignment to the stoichiometry {name!r}")
        for name, rule in self.symbols.rules.items():
            if name in self.symbols.references:
                self.faults.unread.append(f"line {rule.getLine()}: assignment rule for the stoichiometry {name!r}")

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

    def _side(self, references: Any, most: int) -> tuple[tuple[str, int], ...]:
        """Species that count on one side of a reaction, with whole stoichiometries."""
        side: dict[str, int] = {}
        for reference in references:
            name = reference.getSpecies()
            if name not in self.symbols.species:
                raise InputError(f"{name!r} is not a species of the file")
            if reference.isSetStoichiometryMath():
                raise UnsupportedError(f"a stoichiometry of {name!r} that is a formula")
            number = reference.getStoichiometry()
            if not reference.isSetStoichiometry():
                if self.model.getLevel() > 2:
                    raise InputError(f"the stoichiometry of {name!r} is missing")
                number = 1.0
            if not (number >= 0 and number == int(number)):
                raise UnsupportedError(f"the stoichiometry {number:g} of {name!r}, which is not a whole number")
            if self.symbols.moves(name) and number:
                side[self.public(name)] = side.get(self.public(name), 0) + int(number)
                if side[self.public(name)] > most:
                    raise UnsupportedError(f"a stoichiometry of {name!r} above {most:,}")
        return tuple(side.items())

    def _reaction(self, reaction: Any) -> list[Reaction]:
        """The reaction; none if it changes no count."""
        name = reaction.getId()
        with self.faults.of(f"line {reaction.getLine()}: reaction {name!r}"):
            if reaction.isSetFast() and reaction.getFast():
                raise UnsupportedError("it is fast, an equilibrium rather than a reaction; give it rates")
            reactants = self._side(reaction.getListOfReactants(), guard.MOST_TAKEN)
            products = self._side(reaction.getListOfProducts(), guard.MOST_MADE)
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
            if dict(reactants) == dict(products):
                return []
            before, after = dict(reactants), dict(products)
            changed = {self.counts[s] for s in {**before, **after} if before.get(s) != after.get(s)}
            unit = self.symbols.units.rate(reaction, sorted(changed, key=self.symbols.counts.__getitem__))
            return [self._made(name, reactants, products, rate, unit, reaction.getReversible())]
        return []

    def _made(
        self, name: str, reactants: Any, products: Any, rate: Expression, unit: float, reversible: bool
    ) -> Reaction:
        """The reaction of a rate in units of the file; `unit` is the molecules in one."""
        mixed = kinetics.has_minus(rate)
        ways = kinetics.halves(rate, dict(reactants), dict(products)) if mixed and reversible else None
        if mixed and ways is None and kinetics.reads_backward(rate, dict(reactants), dict(products)):
            hint = "write two reactions" if reversible else "mark it reversible, or write two reactions"
            warnings.warn(
                f"reaction {name!r} goes one way at the rate {text(rate)}, a difference that reads like forward minus backward; "
                f"it stops, or fails, where that is not positive. If so, {hint}",
                JumpaxWarning,
                stacklevel=2,
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
            with self.faults.of(f"species {name!r}"):
                amount, unit = self._amount(name), self.symbols.units.of(name)
                if unit.molecules != 1.0 and amount > LARGEST_COUNT:
                    raise InputError(
                        f"its initial amount, {self.symbols.amount(name):.6g} {unit.name}, is {amount:.3g} molecules; at most "
                        f"{LARGEST_COUNT:,} are counted. If the file means molecules, declare item as its unit of substance"
                    )
                x0[self.public(name)] = whole(amount, converted=unit.molecules != 1.0, rounded=self.round_counts)
                self.notes.append(said(name, amount, x0[self.public(name)]))
        return x0

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

    def _events(self) -> Any:
        """The events."""
        for place, event in enumerate(self.model.getListOfEvents(), 1):
            name = event.getId() or f"event {place}"
            with self.faults.of(f"line {event.getLine()}: event {name!r}"):
                if event.isSetDelay():
                    raise UnsupportedError("a delay between trigger and assignment; events without delays are read")
                trigger = event.getTrigger()
                if trigger is None or trigger.getMath() is None:
                    raise InputError("it has no trigger")
                late = self.model.getLevel() > 2
                yield Event(
                    name,
                    flag(self.symbols.expression(trigger.getMath())),
                    tuple(self._assignment(a) for a in event.getListOfEventAssignments()),
                    self.symbols.expression(event.getPriority().getMath()) if event.isSetPriority() else None,
                    persistent=trigger.getPersistent() if late else True,
                    initially=trigger.getInitialValue() if late else True,
                    early=event.getUseValuesFromTriggerTime(),
                )

    def _beside(self, events: tuple[Event, ...], theta: Mapping[str, float]) -> dict[str, float]:
        """Values of parameters that only events read or change; nan for those that nothing reads and that have none."""
        found: dict[str, float] = {}
        known = {*theta, *self.counts}
        for event in events:
            with self.faults.of(f"event {event.name!r}"):
                read = {n for e in (event.trigger, event.priority) if e is not None for n in names(e)}
                read |= {n for _, value in event.assignments for n in names(value)}
                for name in event.names:
                    if name not in known and name not in found:
                        found[name] = self._state(name, name in read)
                values = {**theta, **found}
                check(event.trigger, self.counts, lambda e, t, values=values: evaluate_host(e, values, t))
        return found

    def _state(self, name: str, read: bool) -> float:
        """Value at the start: inf for a time that never comes, nan for what has no value and that nothing reads."""
        own = self.symbols.parameters.get(self.own.get(name, ""))
        if own is not None and own.getId() not in self.symbols.starts:
            value = own.getValue() if own.isSetValue() else math.nan
            if math.isinf(value) or not (read or math.isfinite(value)):
                return value
        return self._number(name)

    def _assignment(self, assignment: Any) -> tuple[str, Expression]:
        """What is assigned: amounts, for species."""
        name = assignment.getVariable()
        if name in self.symbols.rules:
            raise InputError(f"an assignment to {name!r}, which a rule governs")
        value = self.symbols.expression(assignment.getMath())
        if name in self.symbols.species:
            molecules = self.symbols.molecules(name, value)
            converted = self.symbols.units.of(name).molecules != 1.0
            return self.public(name), near_whole(molecules) if converted else molecules
        if name not in self.symbols.parameters:
            raise UnsupportedError(f"an assignment to {name!r}, which is neither a species nor a parameter")
        return self.public(name), value

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
