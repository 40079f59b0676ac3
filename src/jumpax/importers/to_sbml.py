"""Models as SBML."""

import math
from collections.abc import Collection
from typing import Any

from jumpax._base.errors import InputError
from jumpax.importers.names import Names, is_identifier
from jumpax.importers.statement import Channel, Statement
from jumpax.importers.to_mathml import tree
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Call, Expression, Number, names

_LATE = ("min", "max")  # operations that came with Version 2 of Level 3


def to_sbml(statement: Statement, kind: str = "SBML", reserved: Collection[str] = ()) -> str:
    """SBML Level 3 of a model whose species are counted in items, in one compartment of size 1.

    Version 2 where a formula has min or max, else Version 1. Numbers have 15 digits. All parameters are the model's: one of a
    reaction would hide other names from its law.

    Args:
        statement: the model.
        kind: what the file will be in the end.
        reserved: names that it cannot have.

    Raises:
        InputError: libSBML does not take something.

    Warns:
        JumpaxWarning: names that the file cannot have are others there, and attributes `name`.
    """
    return _Document(statement, kind, reserved).text()


class _Document:
    """One model on its way into a document."""

    def __init__(self, statement: Statement, kind: str, reserved: Collection[str]):
        import libsbml

        self.statement, self.kind, self.names = statement, kind, Names(reserved)
        self.document = libsbml.SBMLDocument(3, 2 if _is_late(statement) else 1)
        self.model = self.document.createModel()
        for unit in ("SubstanceUnits", "ExtentUnits"):
            getattr(self.model, f"set{unit}")("item")
        self.own: dict[str, str] = {}

    def _id(self, name: str, *, tell: bool = True) -> str:
        return self.names.new(name, tell=tell)

    def _name(self, element: Any, name: str, own: str) -> None:
        """Identity and, where that differs, the name for people."""
        element.setId(own)
        if own != name:
            element.setName(name)

    def text(self) -> str:
        """The document."""
        import libsbml

        self._species()
        self._parameters()
        self.places = {
            channel.name: self._id(channel.name if is_identifier(channel.name) else f"r{place}", tell=False)
            for place, channel in enumerate(self.statement.channels, 1)
        }
        for name in self.statement.observables:
            self._observable(name)
        for name, rate in self.statement.flows:
            rule = self.model.createRateRule()
            rule.setVariable(self.own[name])
            self._math(rule, rate)
        for channel in self.statement.channels:
            self._reaction(channel)
        for event in self.statement.events:
            self._event(event)
        self.model.setId(self._id(self.statement.name or "model", tell=False))
        self.names.warn(self.kind)
        return libsbml.writeSBMLToString(self.document)

    def _species(self) -> None:
        compartment = self.model.createCompartment()
        self.size = self._id("compartment", tell=False)
        compartment.setId(self.size)
        compartment.setSpatialDimensions(3)
        compartment.setSize(1.0)
        compartment.setConstant(True)
        for name, count in self.statement.x0.items():
            species = self.model.createSpecies()
            self.own[name] = self._id(name)
            self._name(species, name, self.own[name])
            species.setCompartment(self.size)
            species.setInitialAmount(float(count))
            species.setHasOnlySubstanceUnits(True)
            species.setBoundaryCondition(False)
            species.setConstant(False)

    def _parameters(self) -> None:
        moved = {n for event in self.statement.events for n, _ in event.assignments}
        moved |= {name for name, _ in self.statement.flows}
        for name, value in self.statement.theta.items():
            self.own[name] = self._parameter(name, value, constant=name not in moved)

    def _parameter(self, name: str, value: float, *, constant: bool) -> str:
        """A parameter, and what it is called in the file."""
        parameter = self.model.createParameter()
        own = self._id(name)
        self._name(parameter, name, own)
        if not math.isnan(value):
            parameter.setValue(value)
        parameter.setConstant(constant)
        return own

    def _observable(self, name: str) -> None:
        """A rule; numbers in it that are no parameters become some."""
        rule = self.statement.observables[name]
        if name in self.own and isinstance(rule.expression, Number):
            return  # a species that does not change, which is a parameter already
        for constant, value in rule.constants:
            if constant not in self.own:
                self.own[constant] = self._parameter(constant, value, constant=True)
        written = self.model.createAssignmentRule()
        written.setVariable(self._parameter(name, math.nan, constant=False))
        self._math(written, rule.expression)

    def _reaction(self, channel: Channel) -> None:
        reaction = self.model.createReaction()
        self._name(reaction, channel.name, self.places[channel.name])
        reaction.setReversible(False)
        if self.model.getVersion() < 2:
            reaction.setFast(False)
        for side, create in ((channel.reactants, reaction.createReactant), (channel.products, reaction.createProduct)):
            for name, count in side:
                reference = create()
                reference.setSpecies(self.own[name])
                reference.setStoichiometry(float(count))
                reference.setConstant(True)
        used = {name for name, _ in (*channel.reactants, *channel.products)}
        for name in names(channel.propensity):
            if name in self.statement.x0 and name not in used:
                reaction.createModifier().setSpecies(self.own[name])
        self._math(reaction.createKineticLaw(), channel.propensity)

    def _event(self, event: Event) -> None:
        made = self.model.createEvent()
        self._name(made, event.name, self._id(event.name, tell=False))
        made.setUseValuesFromTriggerTime(event.early)
        trigger = made.createTrigger()
        trigger.setInitialValue(event.initially)
        trigger.setPersistent(event.persistent)
        self._math(trigger, event.trigger)
        if event.priority is not None:
            self._math(made.createPriority(), event.priority)
        if event.delay is not None:
            self._math(made.createDelay(), event.delay)
        for name, value in event.assignments:
            assignment = made.createEventAssignment()
            assignment.setVariable(self.own[name])
            self._math(assignment, value)

    def _math(self, element: Any, expression: Expression) -> None:
        import libsbml

        if element.setMath(tree(expression, self.own.__getitem__)) != libsbml.LIBSBML_OPERATION_SUCCESS:
            raise InputError(f"libSBML does not take a formula of {element.getElementName()} {element.getId()!r}")


def _is_late(statement: Statement) -> bool:
    formulas = [channel.propensity for channel in statement.channels]
    formulas += [rate for _, rate in statement.flows]
    formulas += [rule.expression for rule in statement.observables.values()]
    for event in statement.events:
        formulas += [event.trigger, *(value for _, value in event.assignments)]
        formulas += [part for part in (event.priority, event.delay) if part is not None]
    return any(map(_has_late, formulas))


def _has_late(expression: Expression) -> bool:
    return isinstance(expression, Call) and (expression.operator in _LATE or any(map(_has_late, expression.arguments)))
