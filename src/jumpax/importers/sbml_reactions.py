"""Reactions of SBML: whole stoichiometries, and kinetic laws as propensities."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jumpax._base.doubt import doubt
from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers import guard, kinetics
from jumpax.importers.faults import Faults
from jumpax.importers.symbols import Symbols
from jumpax.networks import Reaction
from jumpax.networks.expressions.expression import Expression, call, evaluate_host, names, reads_time, text


class SbmlReactions:
    """Reads the reactions of one model, and what only they know.

    Args:
        model: `libsbml.Model`.
        symbols: what its names mean.
        faults: takes what is wrong.
        counts: names in the file of the species that count, by those in the network.
        number: the value of a number of theta.

    Attributes:
        values: of parameters of one reaction.
        asked: names that laws read, those of reactions with faults included.
        notes: what was assumed.
    """

    def __init__(
        self, model: Any, symbols: Symbols, faults: Faults, counts: Mapping[str, str], number: Callable[[str], float]
    ):
        self.model, self.symbols, self.faults, self.counts, self.number = model, symbols, faults, counts, number
        self.values: dict[str, float] = {}
        self.asked: dict[str, None] = {}
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Reaction]:
        """Those that change counts; all that is wrong with them is noted."""
        for reaction in self.model.getListOfReactions():
            yield from self._reaction(reaction)

    def _side(self, what: str, references: Any, most: int) -> tuple[tuple[str, int], ...]:
        """Species that count on one side of a reaction, with whole stoichiometries; what is wrong is noted."""
        side: dict[str, int] = {}
        for reference in references:
            name = reference.getSpecies()
            with self.faults.of(what):
                if name not in self.symbols.species:
                    raise InputError(f"{name!r} is not a species of the file")
                if name in self.symbols.flows and not self.symbols.species[name].getBoundaryCondition():
                    raise UnsupportedError(
                        f"it changes {name!r} by whole molecules, which a rate rule changes continuously"
                    )
                if not self.symbols.moves(name):
                    continue
                number = self._stoichiometry(what, reference)
                if not (number >= 0 and number == int(number)):
                    raise UnsupportedError(f"the stoichiometry {number:g} of {name!r}, which is not a whole number")
                if number:
                    side[self.symbols.public(name)] = side.get(self.symbols.public(name), 0) + int(number)
                if side.get(self.symbols.public(name), 0) > most:
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
            value = evaluate_host(formula, {n: self.number(n) for n in names(formula)})
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
