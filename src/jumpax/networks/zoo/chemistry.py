"""Molecules that bind, decay and react; particles that hop."""

from jumpax.networks.laws import MassAction
from jumpax.networks.network import Network
from jumpax.networks.reaction import Reaction
from jumpax.networks.zoo.model import Model, grid


def birth_death(birth: float = 100.0, death: float = 1.0, start: int = 0, end: float = 10.0) -> Model:
    """Immigration at a constant rate and death: `∅ -> X -> ∅`, with a Poisson steady state of mean birth / death.

    Source: Gillespie (1977), https://doi.org/10.1021/j100540a008.

    Args:
        birth: molecules/time.
        death: 1/time, per molecule.
        start: molecules.
        end: last time.
    """
    reactions = [
        Reaction("∅ -> X", MassAction("birth"), name="birth_of_X"),
        Reaction("X -> ∅", MassAction("death"), name="death_of_X"),
    ]
    units = {"birth": "molecules/time", "death": "1/time"}
    network = Network(reactions, name="birth_death", units=units)
    return Model(network, {"birth": birth, "death": death}, {"X": start}, grid(end), "Gillespie (1977)")


def dimerization(k_on: float = 0.01, k_off: float = 1.0, start: int = 100, end: float = 10.0) -> Model:
    """Two equal molecules pair up and part: `2 A <-> D`, with propensity `k_on * A * (A - 1) / 2`.

    Source: Gillespie (1977), https://doi.org/10.1021/j100540a008.

    Args:
        k_on: 1/time, per pair of molecules (the volume is folded in).
        k_off: 1/time, per dimer.
        start: molecules of A.
        end: last time.
    """
    reactions = [Reaction("2 A <-> D", MassAction("k_on"), MassAction("k_off"), name="pair")]
    network = Network(reactions, name="dimerization", units={"k_on": "1/time", "k_off": "1/time"})
    return Model(network, {"k_on": k_on, "k_off": k_off}, {"A": start, "D": 0}, grid(end), "Gillespie (1977)")


def association(
    k_on: float = 0.01, k_off: float = 1.0, start: tuple[int, int] = (100, 100), end: float = 10.0
) -> Model:
    """Two different molecules bind and part: `A + B <-> C`.

    Source: Gillespie (1977), https://doi.org/10.1021/j100540a008.

    Args:
        k_on: 1/time, per pair of molecules: the constant per concentration, over the volume.
        k_off: 1/time, per complex.
        start: molecules of A and of B.
        end: last time.
    """
    reactions = [Reaction("A + B <-> C", MassAction("k_on"), MassAction("k_off"), name="bind")]
    network = Network(reactions, name="association", units={"k_on": "1/time", "k_off": "1/time"})
    x0 = {"A": start[0], "B": start[1], "C": 0}
    return Model(network, {"k_on": k_on, "k_off": k_off}, x0, grid(end), "Gillespie (1977)")


def schlogl(
    k_1: float = 0.03, k_2: float = 1e-4, k_3: float = 200.0, k_4: float = 3.5, start: int = 250, end: float = 4.0
) -> Model:
    """Bistable autocatalysis: `2 X -> 3 X -> 2 X`, `∅ <-> X`; stable points near 86 and 567 with the numbers given.

    The species held constant, 10^5 and 2 * 10^5 molecules, are folded in: k_1 = 3e-7 * 10^5 and k_3 = 1e-3 * 2 * 10^5.
    Source: Schlögl (1972), https://doi.org/10.1007/BF01379769.

    Args:
        k_1: 1/time, per pair.
        k_2: 1/time, per triple.
        k_3: molecules/time.
        k_4: 1/time, per molecule.
        start: molecules of X.
        end: last time.
    """
    reactions = [
        Reaction("2 X -> 3 X", MassAction("k_1"), name="autocatalysis"),
        Reaction("3 X -> 2 X", MassAction("k_2"), name="back"),
        Reaction("∅ -> X", MassAction("k_3"), name="inflow"),
        Reaction("X -> ∅", MassAction("k_4"), name="outflow"),
    ]
    units = {"k_1": "1/time", "k_2": "1/time", "k_3": "molecules/time", "k_4": "1/time"}
    theta = {"k_1": k_1, "k_2": k_2, "k_3": k_3, "k_4": k_4}
    return Model(Network(reactions, name="schlogl", units=units), theta, {"X": start}, grid(end), "Schlögl (1972)")


def driven_ring(
    sites: int = 3, forward: float = 2.0, backward: float = 1.0, particles: int = 1, end: float = 10.0
) -> Model:
    """Independent particles on a ring of sites, with a drift: the smallest steady state out of equilibrium.

    The current through each link is particles * (forward - backward) / sites.
    Source: Schnakenberg (1976), https://doi.org/10.1103/RevModPhys.48.571.

    Args:
        sites: at least 3.
        forward: 1/time, hops from a site to the next one.
        backward: 1/time, hops from a site to the one before.
        particles: all of them start on the first site.
        end: last time.
    """
    reactions = [
        Reaction(f"X{i} <-> X{(i + 1) % sites}", MassAction("forward"), MassAction("backward"), name=f"link_{i}")
        for i in range(sites)
    ]
    names = [f"X{i}" for i in range(sites)]
    units = {"forward": "1/time", "backward": "1/time"}
    network = Network(reactions, species=names, name=f"driven_ring_{sites}", units=units)
    x0 = dict.fromkeys(names, 0) | {"X0": particles}
    return Model(network, {"forward": forward, "backward": backward}, x0, grid(end), "Schnakenberg (1976)")


def asep(
    sites: int = 4,
    right: float = 1.0,
    left: float = 0.25,
    enter: float = 0.5,
    leave: float = 0.5,
    end: float = 10.0,
) -> Model:
    """Asymmetric simple exclusion with open ends: a particle hops only on an empty site.

    Site i is a pair of species, `P<i>` (1 if occupied) and `H<i>` (1 if empty), so that exclusion is mass action.
    Source: Spitzer (1970), https://doi.org/10.1016/0001-8708(70)90034-4.

    Args:
        sites: at least 2.
        right: 1/time, hops to the right.
        left: 1/time, hops to the left.
        enter: 1/time, at the left end.
        leave: 1/time, at the right end.
        end: last time.
    """
    hops = [
        Reaction(
            f"P{i} + H{i + 1} <-> H{i} + P{i + 1}", MassAction("right"), MassAction("left"), name=f"hop_{i}_{i + 1}"
        )
        for i in range(1, sites)
    ]
    ends = [
        Reaction("H1 -> P1", MassAction("enter"), name="entry"),
        Reaction(f"P{sites} -> H{sites}", MassAction("leave"), name="exit"),
    ]
    names = [f"{kind}{i}" for i in range(1, sites + 1) for kind in "PH"]
    theta = {"right": right, "left": left, "enter": enter, "leave": leave}
    network = Network([*hops, *ends], species=names, name=f"asep_{sites}", units=dict.fromkeys(theta, "1/time"))
    return Model(network, theta, {name: int(name[0] == "H") for name in names}, grid(end), "Spitzer (1970)")
