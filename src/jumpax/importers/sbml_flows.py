"""Rate rules of an SBML model: variables that flow."""

from collections.abc import Iterator
from typing import Any

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.faults import Faults
from jumpax.importers.symbols import Symbols
from jumpax.networks.flow import Flow


def flows(model: Any, symbols: Symbols, faults: Faults) -> Iterator[Flow]:
    """Those that can be read; all that is wrong with them is noted.

    Args:
        model: `libsbml.Model`.
        symbols: what its names mean.
        faults: takes what is wrong.
    """
    resized = {a.getVariable() for e in model.getListOfEvents() for a in e.getListOfEventAssignments()}
    for name, rule in symbols.flows.items():
        with faults.of(f"line {rule.getLine()}: rate rule for {name!r}"):
            if rule.getMath() is None:
                raise InputError("it has no value")
            if name in symbols.references:
                raise UnsupportedError("a stoichiometry that changes")
            species = symbols.species.get(name)
            if species is not None and not species.getHasOnlySubstanceUnits() and species.getCompartment() in resized:
                raise UnsupportedError(
                    f"it governs a concentration, and events change the size of its compartment {species.getCompartment()!r}, which "
                    "leaves amounts as they are; set hasOnlySubstanceUnits, or let the events set the concentration, too, of a parameter"
                )
            yield Flow(symbols.public(name), symbols.expression(rule.getMath()))
