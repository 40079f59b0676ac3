"""Large networks made here, as the text of a `.net` file that every tool reads."""

import itertools
from collections.abc import Sequence

Made = tuple[Sequence[str], Sequence[str], str]
"""A reaction: what it takes, what it makes, and its rate constant."""


def net(parameters: dict[str, float], start: dict[str, int], reactions: list[Made]) -> str:
    """BioNetGen's `.net`, without groups."""
    place = {name: str(number) for number, name in enumerate(start, 1)}
    blocks = {
        "parameters": [f"{name} {value!r}" for name, value in parameters.items()],
        "species": [f"{name}() {count}" for name, count in start.items()],
        "reactions": [
            f"{','.join(place[s] for s in taken) or 0} {','.join(place[s] for s in made) or 0} {rate}"
            for taken, made, rate in reactions
        ],
    }
    lines = []
    for name, entries in blocks.items():
        lines += [f"begin {name}", *(f"  {i} {entry}" for i, entry in enumerate(entries, 1)), f"end {name}"]
    return "\n".join([*lines, ""])


def ring(boxes: int) -> str:
    """Molecules that hop round a ring of boxes, forward at k and backward at kb; the first box starts with 100, others with 10."""
    start = {f"X{box}": 100 if box == 0 else 10 for box in range(boxes)}
    hops = [
        ([f"X{box}"], [f"X{(box + step) % boxes}"], rate)
        for step, rate in ((1, "k"), (-1, "kb"))
        for box in range(boxes)
    ]
    return net({"k": 1.0, "kb": 0.5}, start, hops)


def rules(sites: int) -> str:
    """A network as rules write it: molecules with sites that bind a ligand, change, and let go, whatever else is bound."""
    states = ["".join(states) for states in itertools.product("ubp", repeat=sites)]
    reactions: list[Made] = []
    for state, site in itertools.product(states, range(sites)):
        here, (free, bound, changed) = f"M_{state}", (f"M_{state[:site]}{to}{state[site + 1 :]}" for to in "ubp")
        if here == free:
            reactions.append(([here, "L"], [bound], f"on{site}"))
        if here == bound:
            reactions += [([here], [free, "L"], f"off{site}"), ([here], [changed, "L"], f"act{site}")]
        if here == changed:
            reactions.append(([here], [free], "rest"))
    theta = {f"{what}{site}": 0.3 + 0.1 * site for what in ("off", "act") for site in range(sites)}
    theta |= {f"on{site}": 0.001 * (1 + site) for site in range(sites)} | {"rest": 0.5}
    return net(theta, {"L": 2000} | {f"M_{s}": 1000 if s == "u" * sites else 0 for s in states}, reactions)
