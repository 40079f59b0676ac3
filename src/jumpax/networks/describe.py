"""A network in words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jumpax.networks.network import Network
    from jumpax.networks.reaction import Reaction

MANY = 300
"""Species beyond which conserved sums are not looked for unless somebody asks, and reactions beyond which formulas do not stand in
a column: names of species may be long."""


def describe(network: "Network", most: int | None = None) -> str:
    """Propensities as formulas, stoichiometry, conserved sums, parameters and counts with units; of each the first `most`."""
    units = network.units
    clock = f"1/{units['time']}" if "time" in units else "1/time"
    title = f"{network.name or 'network'}: {len(network.species)} species, {network.reaction_count} reactions"
    shown = network.reactions[:most]
    left_out = len(network.reactions) - len(shown)
    blocks = [
        (f"reactions, with propensities in {clock}", _reactions(shown), left_out),
        ("stoichiometry (change of each count)", _table(shown), left_out),
        ("conserved", *_first(_conserved(network), most)),
        ("parameters", *_first([_with_unit(name, units) for name in network.parameters], most)),
    ]
    if network.families:
        lines = [f"{f.name}: {f.reactions} reactions, of {len(f.species)} species" for f in network.families]
        blocks.append(("families", *_first(lines, most)))
    if network.flows:
        blocks.append(("continuous variables", *_first(list(map(str, network.flows)), most)))
    if counted := [_with_unit(name, units) for name in network.species if name in units]:
        blocks.append(("units of counts", *_first(counted, most)))
    lines = [title]
    for head, body, more in blocks:
        rest = [f"  ... and {more:,} more"] if more else []
        lines += ["", f"{head}:", *(f"  {line}" for line in body or ["none"]), *rest]
    return "\n".join(lines)


def _first(lines: list[str], most: int | None) -> tuple[list[str], int]:
    """The first few, and how many there are besides."""
    shown = lines[:most]
    return shown, len(lines) - len(shown)


def _with_unit(name: str, units: Mapping[str, str]) -> str:
    return f"{name} [{units[name]}]" if name in units else name


def _conserved(network: "Network") -> list[str]:
    if len(network.species) > MANY:
        return [f"not looked for among {len(network.species)} species; conservation_laws() does it"]
    return [_sum(row.tolist(), network.species) for row in network.conservation_laws()]


def _reactions(reactions: Sequence["Reaction"]) -> list[str]:
    if not reactions:
        return []
    rows = [
        ("" if r.name == r.equation else f"{r.name}:", r.equation,
         r.law.formula(r.reactants) + ("" if r.delay is None else f", completes after {r.delay}"))
        for r in reactions
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) if len(rows) <= MANY else 0 for column in (0, 1)]
    lines = (f"{name:<{widths[0]}} {equation:<{widths[1]}}   {formula}" for name, equation, formula in rows)
    return [line.lstrip() if not widths[0] else line for line in lines]


def _table(reactions: Sequence["Reaction"]) -> list[str]:
    return [
        f"{reaction.name}: " + ", ".join(f"{name} {change:+d}" for name, change in reaction.change.items())
        for reaction in reactions
    ]


def _sum(weights: list[int], species: tuple[str, ...]) -> str:
    """For example `A + 2 D - C`."""
    text = ""
    for weight, name in zip(weights, species, strict=True):
        if weight:
            sign = ("-" if weight < 0 else "") if not text else (" - " if weight < 0 else " + ")
            text += sign + (name if abs(weight) == 1 else f"{abs(weight)} {name}")
    return text
