"""Counts at the start of a condition, and laws of them."""

from collections.abc import Callable, Mapping
from typing import Any

from jumpax._base.errors import InputError
from jumpax.importers.counts import said, whole
from jumpax.importers.faults import Faults
from jumpax.inference.parameters import Derived, Fixed, Parameter
from jumpax.inference.petab.model import Asked, Formula
from jumpax.inference.petab.table import given
from jumpax.networks import Poisson, StochasticRounding
from jumpax.networks.expressions.expression import (
    Expression,
    Name,
    Number,
    call,
    evaluate_host,
    names,
    replaced,
)
from jumpax.networks.parameters import LARGEST_COUNT


def starts(
    asked: Asked,
    overrides: Mapping[str, str],
    meaning: Callable[[str], Parameter],
    rounded: bool,
    faults: Faults,
    notes: list[str],
) -> tuple[dict[str, Any], dict[str, Parameter]]:
    """Counts, or laws of them, by species, and the parameters that these read.

    What is no number, since it is estimated, is the mean of a law: stochastic rounding for one species, Poisson for more.

    Args:
        asked: the model.
        overrides: what the condition sets.
        meaning: of the name of a parameter in this condition.
        rounded: whether numbers that are not whole are rounded.
        faults: takes amounts that are no counts.
        notes: takes what was rounded, and laws.
    """
    counts: dict[str, Any] = {}
    open_: dict[str, Expression] = {}
    parameters: dict[str, Parameter] = {}
    for species in asked.model.network.species:
        with faults.of(f"species {species!r}"):
            expression = _start(asked, species, overrides)
            own = {name: meaning(name) for name in names(expression)}
            fixed = {name: p.value for name, p in own.items() if isinstance(p, Fixed)}
            expression = replaced(expression, fixed)
            if names(expression):
                open_[species] = expression
                parameters |= {n: p for n, p in own.items() if n not in fixed}
                continue
            amount = evaluate_host(expression, {})
            if amount > LARGEST_COUNT:
                raise InputError(
                    f"it starts with {amount:.3g} molecules; at most {LARGEST_COUNT:,} are counted. Say how many molecules a unit is to "
                    "be: molecules_per_unit=..., a smaller number"
                )
            counts[species] = whole(amount, converted=asked.model.molecules.get(species, 1.0) != 1.0, rounded=rounded)
            notes.append(said(species, amount, counts[species]))
    law = StochasticRounding if len(open_) == 1 else Poisson
    for species, expression in open_.items():
        mean = f"{species}_at_start"
        if isinstance(expression, Name):
            mean = expression.name
        else:
            parameters[mean] = Derived(Formula(expression), names(expression))
        counts[species] = law(mean)
    if open_:
        told = ", ".join(f"{s} by {counts[s].parameters[0]}" for s in open_)
        notes.append(f"counts at the start have estimated means, and are drawn by {law.__name__}: {told}")
    return {s: counts[s] for s in asked.model.network.species if s in counts}, parameters


def _start(asked: Asked, species: str, overrides: Mapping[str, str]) -> Expression:
    """Molecules at the start."""
    if species not in overrides:
        return asked.model.starts[species].expression
    value, word = given(overrides[species]), overrides[species]
    molecules = asked.molecules(species)
    if molecules is None:
        raise InputError("its unit cannot be found")
    return call("multiply", Name(word) if value is None else Number(value), Number(molecules))
