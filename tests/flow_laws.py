"""A network with continuous variables whose laws are known: four parts that do not know of each other.

- A cell grows (V), makes B, divides when V reaches 2, and gives B to its daughters by a binomial, or keeps it all: B is Poisson.
- Molecules S decay at a rate of Arrhenius while it gets warmer (T): those that are left are binomial.
- Channels, shut (C) or open (H), under a voltage that rises (v): binomial.
- A drug is given twice and cleared (D), and makes P at a rate that saturates: Poisson.
"""

import itertools

import jax.numpy as jnp
import numpy as np
from scipy import integrate

import jumpax
from jumpax import Event, MassAction, Network, Reaction

TIMES = (0.4, 1.0, 2.0)
DOSES = (0.5, 1.5)
START = {"B": 0, "S": 40, "C": 30, "H": 0, "P": 0}
THETA = {
    "V": 1.0, "growth": 0.9, "largest": 2.0, "make": 20.0, "lose": 0.5,
    "T": 280.0, "warming": 15.0, "decay": 2.0e6, "energy": 4.3e3,
    "v": -1.0, "ramp": 1.5, "up": 1.0, "down": 0.7,
    "D": 0.5, "clearance": 1.2, "dose": 2.0, "most": 25.0, "half": 0.8,
}  # fmt: skip
RATES = (
    "make",
    "lose",
    "T",
    "warming",
    "energy",
    "v",
    "ramp",
    "up",
    "down",
    "D",
    "clearance",
    "dose",
    "most",
    "half",
)
"""Parameters that have scores: not those that decide when the cell divides."""


def network(partition=True):
    """The network; a binomial takes XLA as long to compile as all the rest."""
    division = {"V": lambda V: V / 2} | ({"B": jumpax.draw("binomial", "B", 0.5)} if partition else {})
    return Network(
        [
            Reaction("0 -> B", lambda make, V: make * V),
            Reaction("B -> 0", MassAction("lose")),
            Reaction("S -> 0", lambda S, decay, energy, T: S * decay * jnp.exp(-energy / T)),
            Reaction("C -> H", lambda C, up, v: C * up * jnp.exp(v)),
            Reaction("H -> C", lambda H, down, v: H * down * jnp.exp(-v)),
            Reaction("0 -> P", lambda most, D, half: most * D / (half + D)),
        ],
        species=("B", "S", "C", "H", "P"),
        flows={
            "V": lambda V, growth: growth * V,
            "T": "warming",
            "v": lambda ramp: ramp,
            "D": lambda D, clearance: -clearance * D,
        },
        events=[
            Event.when(lambda V, largest: largest <= V, division, name="division"),
            *(Event.at(time, {"D": lambda D, dose: D + dose}) for time in DOSES),
        ],
    )


def flowing(theta, t):
    """V, T, v and D at a time, in closed form."""
    born = np.log(theta["largest"] / theta["V"]) / theta["growth"]
    generations = 0 if t < born else 1 + int((t - born) * theta["growth"] / np.log(2.0))
    drug = theta["D"] * np.exp(-theta["clearance"] * t)
    drug += sum(theta["dose"] * np.exp(-theta["clearance"] * (t - d)) for d in DOSES if t >= d)
    volume = theta["V"] * np.exp(theta["growth"] * t) / 2**generations
    return volume, theta["T"] + theta["warming"] * t, theta["v"] + theta["ramp"] * t, drug


def means(theta, partition=True, times=TIMES):
    """(times, species) means."""
    born = np.log(theta["largest"] / theta["V"]) / theta["growth"]
    divisions = [born + n * np.log(2.0) / theta["growth"] for n in range(20)]
    edges = sorted({0.0, *times, *(t for t in (*divisions, *DOSES) if t < max(times))})

    def rates(t, y):
        volume, warmth, voltage, drug = flowing(theta, t)
        opened = theta["up"] * np.exp(voltage) * y[2] - theta["down"] * np.exp(-voltage) * y[3]
        return [
            theta["make"] * volume - theta["lose"] * y[0],
            -theta["decay"] * np.exp(-theta["energy"] / warmth) * y[1],
            -opened,
            opened,
            theta["most"] * drug / (theta["half"] + drug),
        ]

    y, found = np.array(list(START.values()), float), {}
    for begin, end in itertools.pairwise(edges):
        inside = (begin + 1e-12, end - 1e-12)  # on the right side of both
        y = integrate.solve_ivp(rates, inside, y, rtol=1e-11, atol=1e-11).y[:, -1]
        found[end] = y.copy()
        if any(abs(end - division) < 1e-9 for division in divisions):
            y[0] /= 2 if partition else 1
    return np.array([found[t] for t in times])


def variances(theta, partition=True):
    """(times, species) variances."""
    mean = means(theta, partition)
    return mean * (1 - mean * np.array([0, 1 / START["S"], 1 / START["C"], 1 / START["C"], 0]))
