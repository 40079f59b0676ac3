"""Twenty networks on which the automatic gradient is judged, beyond the zoo and whatever it was tuned on.

The first ten oscillate, catalyse themselves, live near extinction or are stiff; the others are ordinary. All are small enough
for the master equation. They were written down before any estimator had seen them.
"""

import dataclasses
from collections.abc import Callable, Mapping

from jumpax import Hill, MassAction, MichaelisMenten, Network, Reaction


@dataclasses.dataclass(frozen=True)
class Subject:
    """A network with its numbers, and the moments that are asked for."""

    reactions: Callable[[], list[Reaction]]
    theta: Mapping[str, float]
    x0: Mapping[str, int]
    times: tuple[float, ...]
    limits: Mapping[str, int]
    """Largest counts of the reference."""
    wild: bool = False
    """Whether it oscillates, catalyses itself, lives near extinction or is stiff."""
    order: int = 1
    """Of the moments: 1 means, 2 second moments too."""

    @property
    def network(self) -> Network:
        """The reactions, its species in the order of x0."""
        return Network(self.reactions(), species=list(self.x0))


def _mass(equation: str, *rates: str) -> Reaction:
    return Reaction(equation, *(MassAction(rate) for rate in rates))


SUBJECTS: dict[str, Subject] = {
    "saturated predators": Subject(
        lambda: [
            _mass("X -> 2 X", "grow"), _mass("2 X -> X", "crowd"),
            Reaction("X -> Y", MichaelisMenten("X", "eat", "half", enzyme="Y")), _mass("Y -> 0", "die"),
        ],
        {"grow": 1.5, "crowd": 0.04, "eat": 2.0, "half": 10.0, "die": 0.8},
        {"X": 20, "Y": 8}, (5.0,), {"X": 130, "Y": 150}, wild=True,
    ),
    "brusselator": Subject(
        lambda: [_mass("0 -> X", "a"), _mass("2 X + Y -> 3 X", "c"), _mass("X -> Y", "b"), _mass("X -> 0", "d")],
        {"a": 8.0, "c": 0.02, "b": 2.0, "d": 1.0},
        {"X": 8, "Y": 10}, (4.0,), {"X": 110, "Y": 130}, wild=True,
    ),
    "relaxation oscillator": Subject(
        lambda: [
            Reaction("0 -> A", Hill("A", "burst", "K", 2.0, basal="leak")), _mass("A + R -> R", "kill"), _mass("A -> 0", "dA"),
            _mass("A -> A + R", "make"), _mass("R -> 0", "dR"),
        ],
        {"burst": 40.0, "K": 10.0, "leak": 4.0, "kill": 0.08, "dA": 1.0, "make": 0.5, "dR": 0.3},
        {"A": 2, "R": 10}, (6.0,), {"A": 100, "R": 130}, wild=True,
    ),
    "critical branching": Subject(
        lambda: [_mass("X -> 2 X", "birth"), _mass("X -> 0", "death")],
        {"birth": 1.0, "death": 1.05}, {"X": 10}, (6.0,), {"X": 400}, wild=True,
    ),
    "supercritical branching": Subject(
        lambda: [_mass("X -> 2 X", "birth"), _mass("X -> 0", "death"), _mass("2 X -> X", "crowd")],
        {"birth": 1.6, "death": 0.6, "crowd": 0.01}, {"X": 3}, (5.0,), {"X": 340}, wild=True, order=2,
    ),
    "allee effect": Subject(
        lambda: [_mass("2 X -> 3 X", "birth"), _mass("X -> 0", "death"), _mass("3 X -> 2 X", "crowd")],
        {"birth": 0.3, "death": 2.0, "crowd": 0.012}, {"X": 14}, (4.0,), {"X": 200}, wild=True,
    ),
    "SIS near threshold": Subject(
        lambda: [_mass("S + I -> 2 I", "infect"), _mass("I -> S", "recover")],
        {"infect": 0.024, "recover": 1.0}, {"S": 45, "I": 5}, (6.0,), {"S": 50, "I": 50}, wild=True,
    ),
    "SIRS": Subject(
        lambda: [_mass("S + I -> 2 I", "infect"), _mass("I -> R", "recover"), _mass("R -> S", "wane")],
        {"infect": 0.06, "recover": 1.0, "wane": 0.2}, {"S": 47, "I": 3, "R": 0}, (8.0,), {"S": 50, "I": 50, "R": 50}, wild=True,
    ),
    "stiff isomers": Subject(
        lambda: [_mass("A <-> B", "forth", "back"), _mass("B -> C", "leak"), _mass("C -> A", "return")],
        {"forth": 200.0, "back": 300.0, "leak": 1.0, "return": 0.5}, {"A": 12, "B": 0, "C": 0}, (2.0,), {"A": 12, "B": 12, "C": 12},
        wild=True,
    ),
    "stiff enzyme": Subject(
        lambda: [_mass("E + S <-> ES", "bind", "free"), _mass("ES -> E + P", "turn")],
        {"bind": 5.0, "free": 50.0, "turn": 2.0}, {"E": 5, "S": 40, "ES": 0, "P": 0}, (4.0,),
        {"E": 5, "S": 40, "ES": 5, "P": 40}, wild=True,
    ),
    "ants": Subject(
        lambda: [_mass("A <-> B", "turn", "turn"), _mass("A + B -> 2 A", "join_A"), _mass("A + B -> 2 B", "join_B")],
        {"turn": 0.05, "join_A": 0.05, "join_B": 0.06}, {"A": 20, "B": 20}, (6.0,), {"A": 40, "B": 40}, wild=True,
    ),
    "self-activating gene": Subject(
        lambda: [Reaction("0 -> P", Hill("P", "most", "K", 4.0, basal="leak")), _mass("P -> 0", "decay")],
        {"most": 40.0, "K": 18.0, "leak": 4.0, "decay": 1.0}, {"P": 12}, (5.0,), {"P": 110}, order=2,
    ),
    "cascade of decays": Subject(
        lambda: [_mass("0 -> A", "feed"), _mass("A -> B", "first"), _mass("B -> C", "second"), _mass("C -> 0", "third")],
        {"feed": 6.0, "first": 1.0, "second": 0.7, "third": 0.5}, {"A": 0, "B": 0, "C": 0}, (4.0,), {"A": 28, "B": 30, "C": 30},
    ),
    "bursts of five": Subject(
        lambda: [_mass("0 -> 5 M", "burst"), _mass("M -> 0", "decay"), _mass("M -> M + P", "translate"), _mass("P -> 0", "dilute")],
        {"burst": 0.8, "decay": 1.0, "translate": 2.0, "dilute": 0.4}, {"M": 0, "P": 0}, (3.0,), {"M": 50, "P": 130}, order=2,
    ),
    "heterodimer": Subject(
        lambda: [
            _mass("0 -> A", "make_A"), _mass("0 -> B", "make_B"), _mass("A + B <-> C", "bind", "free"), _mass("A -> 0", "decay"),
            _mass("B -> 0", "decay"), _mass("C -> 0", "decay"),
        ],
        {"make_A": 8.0, "make_B": 6.0, "bind": 0.2, "free": 0.5, "decay": 0.5}, {"A": 4, "B": 4, "C": 0}, (3.0,),
        {"A": 36, "B": 32, "C": 34},
    ),
    "repressing itself": Subject(
        lambda: [
            Reaction("0 -> M", Hill("P", "most", "K", 2.0, kind="repression")), _mass("M -> 0", "decay"),
            _mass("M -> M + P", "translate"), _mass("P -> 0", "dilute"),
        ],
        {"most": 12.0, "K": 15.0, "decay": 2.0, "translate": 4.0, "dilute": 0.6}, {"M": 0, "P": 0}, (4.0,), {"M": 34, "P": 110},
    ),
    "saturated decay": Subject(
        lambda: [_mass("0 -> X", "make"), Reaction("X -> 0", MichaelisMenten("X", "most", "half"))],
        {"make": 6.0, "most": 10.0, "half": 8.0}, {"X": 0}, (6.0,), {"X": 160}, order=2,
    ),
    "channel of five states": Subject(
        lambda: [
            _mass("C1 <-> C2", "on", "off"), _mass("C2 <-> C3", "on", "off"), _mass("C3 <-> O", "open", "close"),
            _mass("O <-> D", "sleep", "wake"),
        ],
        {"on": 2.0, "off": 1.0, "open": 4.0, "close": 3.0, "sleep": 0.5, "wake": 0.2},
        {"C1": 8, "C2": 0, "C3": 0, "O": 0, "D": 0}, (3.0,), {"C1": 8, "C2": 8, "C3": 8, "O": 8, "D": 8},
    ),
    "one gene drives another": Subject(
        lambda: [
            _mass("0 -> X", "make"), _mass("X -> 0", "decay"), Reaction("0 -> Y", Hill("X", "most", "K", 3.0)), _mass("Y -> 0", "decay"),
        ],
        {"make": 12.0, "decay": 1.0, "most": 20.0, "K": 10.0}, {"X": 0, "Y": 0}, (3.0,), {"X": 50, "Y": 60},
    ),
    "futile cycle": Subject(
        lambda: [Reaction("S -> P", MichaelisMenten("S", "push", "half")), Reaction("P -> S", MichaelisMenten("P", "pull", "half"))],
        {"push": 10.0, "pull": 10.5, "half": 3.0}, {"S": 40, "P": 0}, (8.0,), {"S": 40, "P": 40},
    ),
}  # fmt: skip
