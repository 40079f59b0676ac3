"""SBML once more, in plain Python: propensities, changes and initial amounts straight from libSBML's syntax trees.

Shares nothing with jumpax; made for files that jumpax has read, so that nothing is refused here.
"""

import itertools
import math
from functools import reduce
from typing import Any

import libsbml
import numpy as np

_FUNCTIONS = {
    "AST_FUNCTION_EXP": np.exp, "AST_FUNCTION_LN": np.log, "AST_FUNCTION_ABS": np.abs, "AST_FUNCTION_FLOOR": np.floor,
    "AST_FUNCTION_CEILING": np.ceil, "AST_FUNCTION_SIN": np.sin, "AST_FUNCTION_COS": np.cos, "AST_FUNCTION_TAN": np.tan,
    "AST_FUNCTION_ARCTAN": np.arctan, "AST_FUNCTION_TANH": np.tanh,
}  # fmt: skip
_COMPARED = {
    "EQ": np.equal, "NEQ": np.not_equal, "LT": np.less, "LEQ": np.less_equal, "GT": np.greater, "GEQ": np.greater_equal,
}  # fmt: skip
_KINDS = {getattr(libsbml, n): n for n in dir(libsbml) if n.startswith("AST_") and isinstance(getattr(libsbml, n), int)}


class ByHand:
    """One model."""

    def __init__(self, text: str):
        self.document = libsbml.readSBMLFromString(text)
        self.model = self.document.getModel()
        self.rules = {r.getVariable(): r.getMath() for r in self.model.getListOfRules() if r.isAssignment()}
        self.flows = {r.getVariable(): r.getMath() for r in self.model.getListOfRules() if r.isRate()}
        self.now: dict[str, float] = {}
        """Values of what flows, where they are not those of the start."""
        self.starts = {a.getSymbol(): a.getMath() for a in self.model.getListOfInitialAssignments()}
        events = self.model.getListOfEvents()
        self.assigned = {a.getVariable() for e in events for a in e.getListOfEventAssignments()}

    def changing(self) -> list[str]:
        """Species that reactions change."""
        held = (s for s in self.model.getListOfSpecies() if not (s.getConstant() or s.getBoundaryCondition()))
        return [s.getId() for s in held if s.getId() not in {**self.rules, **self.flows}]

    def changes(self, reaction: Any) -> dict[str, float]:
        """What one event does."""
        done: dict[str, float] = {}
        for sign, side in ((-1, reaction.getListOfReactants()), (1, reaction.getListOfProducts())):
            for reference in side:
                if reference.getSpecies() in self.changing():
                    number = reference.getStoichiometry() if reference.isSetStoichiometry() else 1.0
                    done[reference.getSpecies()] = done.get(reference.getSpecies(), 0.0) + sign * number
        return {name: change for name, change in done.items() if change}

    def reads_time(self, name: str) -> bool:
        """Whether the file has the symbol for the time anywhere."""
        return name in libsbml.writeSBMLToString(self.document)

    def rate(self, reaction: Any, amounts: dict[str, float], time: float) -> float:
        """The law of a reaction."""
        law = reaction.getKineticLaw()
        own = {p.getId(): p.getValue() for p in (*law.getListOfParameters(), *law.getListOfLocalParameters())}
        with np.errstate(all="ignore"):
            return float(self._math(law.getMath(), own, amounts, time))

    def slope(self, name: str, amounts: dict[str, float], time: float) -> float:
        """How fast something flows."""
        with np.errstate(all="ignore"):
            return float(self._math(self.flows[name], {}, amounts, time))

    def molecules(self, species: str) -> float:
        """In one unit of the amount of a species; 1 where the unit is not declared, or counts nothing."""
        modern = self.model.getLevel() > 2
        name = self.model.getSpecies(species).getSubstanceUnits() or (
            self.model.getSubstanceUnits() if modern else "substance"
        )
        definition = self.model.getUnitDefinition(name)
        if definition is None:
            return 6.02214179e23 if name == "mole" else 1.0
        kinds = [libsbml.UnitKind_toString(unit.getKind()) for unit in definition.getListOfUnits()]
        if len(kinds) != 1 or kinds[0] not in ("mole", "item") or definition.getUnit(0).getExponentAsDouble() != 1.0:
            return 1.0
        unit = definition.getUnit(0)
        return unit.getMultiplier() * 10.0 ** unit.getScale() * (6.02214179e23 if kinds[0] == "mole" else 1.0)

    def start(self, species: str) -> float:
        """Initial amount."""
        entry, size = self.model.getSpecies(species), self._size(species)
        concentration = not entry.getHasOnlySubstanceUnits() and size is not None
        if species in self.starts:
            value = self._math(self.starts[species], {}, None, 0.0)
            return float(value * (size if concentration else 1.0))
        if entry.isSetInitialConcentration():
            volume = self._name(entry.getCompartment(), {}, None, 0.0) if size is None else size
            return float(entry.getInitialConcentration() * volume)
        return entry.getInitialAmount()

    def _size(self, species: str) -> Any:
        """Size of the compartment that divides the amount; None without dimensions."""
        entry = self.model.getSpecies(species)
        compartment = self.model.getCompartment(entry.getCompartment())
        if compartment is None or (
            compartment.isSetSpatialDimensions() and not compartment.getSpatialDimensionsAsDouble()
        ):
            return None
        if entry.getHasOnlySubstanceUnits() and not entry.isSetInitialConcentration():
            return None
        return self._name(compartment.getId(), {}, None, 0.0)

    def _name(self, name: str, own: dict[str, Any], amounts: dict[str, float] | None, time: float) -> Any:
        """Value of a name; amounts None: at the start."""
        if name in own:
            return np.float64(own[name])
        if name in self.now:
            return np.float64(self.now[name])
        if name in self.rules:
            return self._math(self.rules[name], {}, amounts, time)
        species = self.model.getSpecies(name)
        if species is not None:
            amount = amounts[name] if amounts is not None and name in amounts else self.start(name)
            return (
                np.float64(amount)
                if species.getHasOnlySubstanceUnits() or not self._size(name)
                else amount / self._size(name)
            )
        if name in self.starts:
            return self._math(self.starts[name], {}, None, 0.0)
        if self.model.getParameter(name) is not None:
            return np.float64(self.model.getParameter(name).getValue())
        if self.model.getCompartment(name) is not None:
            return np.float64(self.model.getCompartment(name).getSize())
        if self.model.getReaction(name) is not None:
            return np.float64(self.rate(self.model.getReaction(name), amounts or {}, time))
        return np.float64(self.document.getElementBySId(name).getStoichiometry())

    def _math(self, node: Any, own: dict[str, Any], amounts: dict[str, float] | None, time: float) -> Any:
        kind = _KINDS[node.getType()]
        if node.isNumber():
            return np.float64(node.getValue())
        if kind == "AST_NAME":
            return self._name(node.getName(), own, amounts, time)
        constants = {"PI": math.pi, "E": math.e, "TRUE": True, "FALSE": False}
        if kind.startswith("AST_CONSTANT_"):
            return constants[kind.removeprefix("AST_CONSTANT_")]
        if kind in ("AST_NAME_TIME", "AST_NAME_AVOGADRO"):
            return np.float64(time if kind == "AST_NAME_TIME" else 6.02214179e23)
        arguments = [self._math(node.getChild(i), own, amounts, time) for i in range(node.getNumChildren())]
        if kind == "AST_FUNCTION":
            definition = self.model.getFunctionDefinition(node.getName())
            names = [definition.getArgument(i).getName() for i in range(definition.getNumArguments())]
            return self._math(definition.getBody(), dict(zip(names, arguments)), amounts, time)
        return self._operation(kind, arguments)

    def _operation(self, kind: str, given: list[Any]) -> Any:
        if kind in _FUNCTIONS:
            return _FUNCTIONS[kind](float(given[0]))
        if kind == "AST_FUNCTION_PIECEWISE":
            pieces = [v for v, condition in zip(given[0::2], given[1::2]) if condition]
            return pieces[0] if pieces else given[-1] if len(given) % 2 else np.float64(np.nan)
        if kind.startswith("AST_RELATIONAL_"):
            compare = _COMPARED[kind.removeprefix("AST_RELATIONAL_")]
            return all(bool(compare(a, b)) for a, b in itertools.pairwise(given))
        if kind.startswith("AST_LOGICAL_"):
            flags = [bool(x) for x in given]
            return {"AND": all(flags), "OR": any(flags), "XOR": sum(flags) % 2 == 1, "NOT": flags[:1] == [False]}[
                kind.removeprefix("AST_LOGICAL_")
            ]
        numbers = [np.float64(x) for x in given]
        if kind == "AST_PLUS":
            return reduce(np.add, numbers, np.float64(0.0))
        if kind == "AST_TIMES":
            return reduce(np.multiply, numbers, np.float64(1.0))
        if kind == "AST_MINUS":
            return -numbers[0] if len(numbers) == 1 else numbers[0] - numbers[1]
        if kind == "AST_DIVIDE":
            return numbers[0] / numbers[1]
        if kind in ("AST_POWER", "AST_FUNCTION_POWER"):
            return numbers[0] ** numbers[1]
        if kind == "AST_FUNCTION_ROOT":
            return numbers[-1] ** (1 / numbers[0]) if len(numbers) == 2 else np.sqrt(numbers[0])
        if kind == "AST_FUNCTION_LOG":
            return np.log(numbers[-1]) / np.log(numbers[0] if len(numbers) == 2 else 10.0)
        return {"AST_FUNCTION_MIN": min, "AST_FUNCTION_MAX": max}[kind](numbers)
