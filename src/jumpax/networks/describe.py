"""A network in words."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jumpax.networks.network import Network

MANY = 300
"""Species beyond which conserved sums are not looked for unless somebody asks, and reactions beyond which formulas do not stand in
a column: names of species may be long."""


def describe(network: "Network") -> str:
    """Propensities as formulas, stoichiometry, conserved sums, parameters and counts with units."""
    units = network.units
    clock = f"1/{units['time']}" if "time" in units else "1/time"
    title = f"{network.name or 'network'}: {len(network.species)} species, {network.reaction_count} reactions"
    blocks = [
        (f"reactions, with propensities in {clock}", _reactions(network)),
        ("stoichiometry (change of each count)", _table(network)),
        ("conserved", _conserved(network)),
        ("parameters", [f"{name} [{units[name]}]" if name in units else name for name in network.parameters]),
        *(
            [
                (
                    "families",
                    [f"{f.name}: {f.reactions} reactions, of {len(f.species)} species" for f in network.families],
                )
            ]
            if network.families
            else []
        ),
    ]
    if counted := [f"{name} [{units[name]}]" for name in network.species if name in units]:
        blocks.append(("units of counts", counted))
    lines = [title]
    for head, body in blocks:
        lines += ["", f"{head}:", *(f"  {line}" for line in body or ["none"])]
    return "\n".join(lines)


def _conserved(network: "Network") -> list[str]:
    if len(network.species) > MANY:
        return [f"not looked for among {len(network.species)} species; conservation_laws() does it"]
    return [_sum(row.tolist(), network.species) for row in network.conservation_laws()]


def _reactions(network: "Network") -> list[str]:
    if not network.reactions:
        return []
    rows = [
        ("" if r.name == r.equation else f"{r.name}:", r.equation,
         r.law.formula(r.reactants) + ("" if r.delay is None else f", completes after {r.delay}"))
        for r in network.reactions
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) if len(rows) <= MANY else 0 for column in (0, 1)]
    lines = (f"{name:<{widths[0]}} {equation:<{widths[1]}}   {formula}" for name, equation, formula in rows)
    return [line.lstrip() if not widths[0] else line for line in lines]


def _table(network: "Network") -> list[str]:
    return [
        f"{reaction.name}: " + ", ".join(f"{name} {change:+d}" for name, change in reaction.change.items())
        for reaction in network.reactions
    ]


def _sum(weights: list[int], species: tuple[str, ...]) -> str:
    """For example `A + 2 D - C`."""
    text = ""
    for weight, name in zip(weights, species, strict=True):
        if weight:
            sign = ("-" if weight < 0 else "") if not text else (" - " if weight < 0 else " + ")
            text += sign + (name if abs(weight) == 1 else f"{abs(weight)} {name}")
    return text
