"""What the values of an SBML model at the start follow from."""

from collections.abc import Iterator
from typing import Any

_TIME = "the time"


class Starts:
    """Initial assignments and rules of one model.

    Args:
        model: `libsbml.Model`.
    """

    def __init__(self, model: Any):
        import libsbml

        self._name, self._time = libsbml.AST_NAME, libsbml.AST_NAME_TIME
        self.assignments = {a.getSymbol(): a.getMath() for a in model.getListOfInitialAssignments()}
        self.rules = {r.getVariable(): r.getMath() for r in model.getListOfRules() if r.isAssignment()}
        self.parameters = {p.getId() for p in model.getListOfParameters()}
        self.compartments = {c.getId() for c in model.getListOfCompartments()}
        species = {s.getId(): s.getConstant() or s.getBoundaryCondition() for s in model.getListOfSpecies()}
        self.species = {*species}
        moved = {a.getVariable() for e in model.getListOfEvents() for a in e.getListOfEventAssignments()}
        self.flows = {r.getVariable() for r in model.getListOfRules() if r.isRate()}
        self.moving = {name for name, fixed in species.items() if not fixed} | moved | self.flows
        """Species and others that reactions, events or rate rules change."""
        self._known: dict[str, set[str]] = {}

    def stiff(self, open_: frozenset[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Names whose values at the start follow from some of these, where the reader takes a number, and which those are.

        It has formulas for starts of counts, in parameters, and in the place of parameters with initial assignments from parameters.
        """
        for name in (*self.assignments, *(c for c in self.compartments if c in self.rules)):
            read = self._behind(name)
            felt = read & open_
            if name in self.parameters - self.moving and not read & {*self.species, *self.moving, _TIME}:
                continue
            if name in (self.species & self.moving) - self.flows:
                felt = felt & self.species
            if felt:
                yield name, tuple(sorted(felt))

    def _behind(self, name: str) -> set[str]:
        """All names that the value at the start follows from."""
        if name not in self._known:
            self._known[name] = set()  # of a circle, which the reader refuses
            definition = self.rules.get(name) or self.assignments.get(name)
            read = set() if definition is None else {*self._read(definition)}
            self._known[name] = read.union(*map(self._behind, read))
        return self._known[name]

    def _read(self, node: Any) -> Iterator[str]:
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if one.getType() == self._name:
                yield one.getName()
            elif one.getType() == self._time:
                yield _TIME
            waiting += [one.getChild(i) for i in range(one.getNumChildren())]
