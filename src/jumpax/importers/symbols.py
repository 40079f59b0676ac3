"""What the names of an SBML model mean in its formulas, and their values at the start."""

import contextlib
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.importers import mathml
from jumpax.importers.units import Units
from jumpax.networks.expressions.expression import (
    Call,
    Expression,
    Name,
    Number,
    Time,
    call,
    evaluate_host,
    names,
    reads_time,
)

_LEVELS = 150  # rules that refer to rules that refer ...


class Symbols:
    """The names of one model.

    Species that reactions or events change are counts. What a rate rule governs is a parameter that flows, and stands for what its name means
    in the file: of a species the amount, or the concentration. Other species, parameters and compartments are numbers of theta
    unless a rule, or an initial assignment from constants, gives a formula, which is then put in their place. In a
    formula a species stands for its amount, or for amount / compartment size where `hasOnlySubstanceUnits` is false, in
    the units of the file; its name in the network stands for molecules. A compartment of size 1, or without dimensions,
    is left out.

    Args:
        model: `libsbml.Model`.
        public: how names of the file are called in the network.
        per_unit: molecules in one unit of substance, whatever the file declares.
    """

    def __init__(self, model: Any, public: Callable[[str], str], per_unit: float | None = None):
        self.model, self.public = model, public
        self.rules = {rule.getVariable(): rule for rule in model.getListOfRules() if rule.isAssignment()}
        self.flows = {rule.getVariable(): rule for rule in model.getListOfRules() if rule.isRate()}
        self.starts = {a.getSymbol(): a for a in model.getListOfInitialAssignments()}
        self.functions = {f.getId(): f for f in model.getListOfFunctionDefinitions()}
        assigned = (a.getVariable() for e in model.getListOfEvents() for a in e.getListOfEventAssignments())
        starts = ((name, a.getMath()) for name, a in self.starts.items())
        self.drawn = tuple(name for name, math in starts if mathml.has_draws(math, self.functions.get))
        """What initial assignments draw: an event at the start assigns it."""
        self.assigned = frozenset((*assigned, *self.drawn))
        self.species = {s.getId(): s for s in model.getListOfSpecies()}
        self.parameters = {p.getId(): p for p in model.getListOfParameters()}
        self.compartments = {c.getId(): c for c in model.getListOfCompartments()}
        self.reactions = {r.getId(): r for r in model.getListOfReactions()}
        self.counts = {name: number for number, name in enumerate(filter(self._is_count, self.species))}
        self.references = {
            r.getId(): r
            for reaction in self.reactions.values()
            for r in (*reaction.getListOfReactants(), *reaction.getListOfProducts())
            if r.isSetId()
        }
        self.units = Units(model, self.amount, per_unit)
        self._inside: tuple[str, ...] = ()
        self._values: dict[str, Expression] = {}
        self._numbers: dict[str, float] = {}

    def _is_count(self, name: str) -> bool:
        species = self.species[name]
        fixed = species.getConstant() or species.getBoundaryCondition()
        return name not in self.rules and name not in self.flows and (not fixed or name in self.assigned)

    def moves(self, name: str) -> bool:
        """Whether reactions change the species."""
        species = self.species[name]
        return name in self.counts and not (species.getConstant() or species.getBoundaryCondition())

    def size(self, species: Any, value: Callable[[str], Expression]) -> Expression | None:
        """The compartment size that turns amounts into what the symbol means; None where it means the amount."""
        compartment = self.compartments.get(species.getCompartment())
        if species.getHasOnlySubstanceUnits():
            return None
        if compartment is None:
            raise InputError(f"species {species.getId()!r} is in no compartment of the file")
        return None if is_point(compartment) else value(compartment.getId())

    def molecules(self, name: str, value: Expression) -> Expression:
        """The number of molecules behind a value of a species' symbol."""
        size, unit = self.size(self.species[name], self.value), self.units.of(name).molecules
        factors = ([] if unit == 1.0 else [Number(unit)]) + ([] if size is None else [size])
        return call("multiply", value, *factors)

    def expression(self, node: Any, local: Mapping[str, str] | None = None, draws: bool = False) -> Expression:
        """A formula of the file; `local` has the public names of parameters that hide others, `draws` allows random numbers."""
        hidden = {} if local is None else local

        def lookup(name: str) -> Expression:
            return Name(hidden[name]) if name in hidden else self.value(name)

        return mathml.expression(node, lookup, self.functions.get, draws)

    def value(self, name: str) -> Expression:
        """What a name stands for in formulas."""
        if name not in self._values:
            self._values[name] = self._within(name, lambda: self._value(name))
        return self._values[name]

    def _within(self, name: str, read: Callable[[], Any]) -> Any:
        if name in self._inside:
            raise InputError(f"a circle of definitions: {' -> '.join((*self._inside, name))}")
        if len(self._inside) >= _LEVELS:
            raise UnsupportedError(f"more than {_LEVELS} definitions that refer to each other")
        self._inside = (*self._inside, name)
        try:
            return read()
        finally:
            self._inside = self._inside[:-1]

    def _value(self, name: str) -> Expression:
        if name in self.rules:
            return self.expression(self.rules[name].getMath())
        if name in self.flows and name not in self.references:
            return Name(self.public(name))
        if name in self.species:
            return call("divide", Name(self.public(name)), self.molecules(name, Number(1.0)))
        if name in self.references:
            return Number(self.number(name))
        if (reaction := self.reactions.get(name)) is not None:
            law = reaction.getKineticLaw()
            if law is None:
                raise InputError(f"the reaction {name!r} has no rate to read")
            return self.expression(law.getMath(), self.local(reaction))
        if name not in self.parameters and name not in self.compartments:
            raise InputError(unknown_name("name", name, self.known()))
        if name in self.starts and name not in self.assigned:
            with contextlib.suppress(UnsupportedError):  # a constant may use what a law may not
                formula = self.expression(self.starts[name].getMath())
                if names(formula) and not reads_time(formula) and not self.moving.intersection(names(formula)):
                    return formula
        if self._is_unit(name):
            return Number(1.0)
        return Name(self.public(name))

    @functools.cached_property
    def moving(self) -> frozenset[str]:
        """Public names of all that reactions, events or rate rules change."""
        return frozenset(map(self.public, (*self.counts, *self.assigned, *self.flows)))

    def _is_unit(self, name: str) -> bool:
        """Whether it is a compartment of size 1, which formulas can do without."""
        compartment = self.compartments.get(name)
        if compartment is None or name in self.assigned or name in self.starts:
            return False
        return is_point(compartment) or (compartment.isSetSize() and compartment.getSize() == 1.0)

    def known(self) -> tuple[str, ...]:
        """All names of the file that a formula may read."""
        return (*self.species, *self.parameters, *self.compartments)

    def local(self, reaction: Any) -> dict[str, str]:
        """Public names of the parameters of one reaction."""
        law = reaction.getKineticLaw()
        found = [*law.getListOfParameters(), *law.getListOfLocalParameters()]
        return {p.getId(): f"{reaction.getId()}.{p.getId()}" for p in found}

    def number(self, name: str) -> float:
        """What a name stands for at the start, as a number.

        Raises:
            InputError: it has no value.
        """
        if name not in self._numbers:
            self._numbers[name] = self._within(name, lambda: self._number(name))
        return self._numbers[name]

    def _number(self, name: str) -> float:
        definition = self.rules.get(name) or self.starts.get(name)
        if definition is not None:
            tree = mathml.expression(definition.getMath(), lambda n: Number(self.number(n)), self.functions.get)
            value = evaluate_host(tree, {}, 0.0)
        elif name in self.species:
            value = self._species_number(self.species[name])
        elif name in self.references:
            value = self.references[name].getStoichiometry()
        elif (parameter := self.parameters.get(name)) is not None:
            value = parameter.getValue() if parameter.isSetValue() else math.nan
        elif (compartment := self.compartments.get(name)) is not None:
            value = compartment.getSize() if compartment.isSetSize() else 1.0 if is_point(compartment) else math.nan
        else:
            raise InputError(unknown_name("name", name, self.known()))
        if not math.isfinite(value):
            kind = "compartment" if name in self.compartments else "name"
            remedy = "; give it a size (often 1)" if kind == "compartment" else ""
            raise InputError(f"the {kind} {name!r} is read, but has no finite value at the start{remedy}")
        return value

    def _species_number(self, species: Any) -> float:
        """The symbol's value at the start: amount, or concentration."""
        if not species.isSetInitialConcentration():
            amount = species.getInitialAmount() if species.isSetInitialAmount() else math.nan
            size = self.size(species, lambda name: Number(self.number(name)))
            return amount if size is None or not math.isfinite(amount) else amount / size.value  # type: ignore[union-attr]
        concentration = species.getInitialConcentration()
        if not species.getHasOnlySubstanceUnits():
            return concentration
        return concentration * self.number(species.getCompartment())

    def amount(self, name: str) -> float:
        """Amount of a species at the start, in units of the file.

        It is `number`, times the compartment size where the symbol is a concentration.
        """
        species = self.species[name]
        given = name not in self.starts and name not in self.rules
        if given and species.isSetInitialAmount() and not species.isSetInitialConcentration():
            return species.getInitialAmount()
        value = self.number(name)
        size = self.size(species, lambda n: Number(self.number(n)))
        return value if size is None else value * size.value  # type: ignore[union-attr]

    def start(self, name: str) -> Expression:
        """Molecules of a species at the start, as a formula of parameters."""
        if name in self.starts or name in self.rules:
            return self.molecules(name, self._within(name, lambda: self._at_start(name)))
        return Number(self.amount(name) * self.units.of(name).molecules)

    def _at_start(self, name: str) -> Expression:
        """What a name stands for at the start, as a formula of parameters."""
        definition = self.rules.get(name) or self.starts.get(name)
        if definition is None:
            return Name(self.public(name)) if name in self.parameters else Number(self.number(name))

        def lookup(name: str) -> Expression:
            return self._within(name, lambda: self._at_start(name))

        return replaced_time(mathml.expression(definition.getMath(), lookup, self.functions.get))


def replaced_time(expression: Expression) -> Expression:
    """The expression at time 0."""
    if isinstance(expression, Time):
        return Number(0.0)
    if not isinstance(expression, Call):
        return expression
    return call(expression.operator, *map(replaced_time, expression.arguments))


def is_point(compartment: Any) -> bool:
    """Whether it has no dimensions: then there are no concentrations in it, and its size, where a formula reads it, is 1."""
    return compartment.isSetSpatialDimensions() and compartment.getSpatialDimensionsAsDouble() == 0
