"""The STL1 gene of yeast under osmotic shock: data, input, promoters, and the master equation with rates that change in time."""

import csv
import dataclasses
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jumpax import MassAction, Network, Reaction
from jumpax.inference.sources import AbstractSource, Question

DATA = Path(__file__).parent / "data" / "stl1.csv.gz"
INPUT = {"r1": 0.366, "r2": 0.414, "M": 2.2e-2, "eta": 5.9, "A": 9.3e9}
"""Nuclear Hog1 after 0.2 M NaCl, as published (rates per minute here); Munsky et al. 2018, doi:10.1073/pnas.1804060115."""


def load(salt: float, replicate: int) -> dict[float, np.ndarray]:
    """Transcripts of every cell, by time in minutes."""
    found: dict[float, list[int]] = {}
    with gzip.open(DATA, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if float(row["salt_M"]) == salt and int(row["replicate"]) == replicate:
                cells = [int(row["transcripts"])] * int(row["cells"])
                found.setdefault(float(row["time_s"]) / 60, []).extend(cells)
    return {time: np.array(cells) for time, cells in found.items()}


def hog(t):
    """Hog1 in the nucleus at t minutes after the shock, in the published unit; 0 before."""
    t = jnp.maximum(t, 0.0)
    u = (1 - jnp.exp(-INPUT["r1"] * t)) * jnp.exp(-INPUT["r2"] * t)
    return INPUT["A"] * (u / (1 + u / INPUT["M"])) ** INPUT["eta"]


PEAK = float(hog(jnp.linspace(0.0, 60.0, 6001)).max())


def _opening(off, k_basal, k_hog, lag, t):
    return (k_basal + k_hog * hog(t - lag) / PEAK) * off


def _closing(G1, k10, window, lag, t):
    return k10 * jnp.maximum(0.0, 1 - hog(t - lag) / (window * PEAK)) * G1


def telegraph() -> Network:
    """Off and on; Hog1 opens it. Both states transcribe."""
    return Network(
        [
            Reaction("off -> on", _opening),
            Reaction("on -> off", MassAction("k_off")),
            Reaction("off -> off + M", MassAction("k_leak")),
            Reaction("on -> on + M", MassAction("k_tx")),
            Reaction("M -> 0", MassAction("gamma")),
        ],
        name="telegraph under Hog1",
    )


def four_states() -> Network:
    """A chain G0 to G3; Hog1 stops G1 -> G0 while it is above `window` of its peak. Every state transcribes."""
    steps = [("G0", "G1", "k01"), ("G1", "G2", "k12"), ("G2", "G1", "k21"), ("G2", "G3", "k23"), ("G3", "G2", "k32")]
    return Network(
        [
            *[Reaction(f"{a} -> {b}", MassAction(k)) for a, b, k in steps],
            Reaction("G1 -> G0", _closing),
            *[Reaction(f"G{i} -> G{i} + M", MassAction(f"tx{i}")) for i in range(4)],
            Reaction("M -> 0", MassAction("gamma")),
        ],
        name="four states under Hog1",
    )


@dataclasses.dataclass(frozen=True)
class ShockEquation(AbstractSource):
    """The master equation of one promoter and its messenger, with time-dependent rates: a source for `jumpax.fit`.

    dp/dt = Q(t) p by the classical Runge-Kutta rule of fourth order, from the stationary law of Q(0). A share of cells,
    `outliers`, may have any count with equal probability: some cells without signal have tens of transcripts.
    """

    most: int = 130
    """Largest number of messengers."""
    step: float = 0.05
    """Longest step, in minutes; shorter where states are left so fast that the rule would be unstable."""
    stable: float = 1.3
    """Longest step times the fastest exit rate: eigenvalues may be twice that rate, and the rule is stable up to 2.78."""
    outliers: float = 1e-3
    deterministic = True

    @property
    def total(self) -> float:
        """Infinitely many paths."""
        return float("inf")

    def expected(self, question: Question, silent: bool = False) -> Callable:
        """The histogram at the times."""
        observable, times = question.observable, question.stops
        law = jax.jit(lambda theta: self.law(question.network, theta, times))

        def expected(theta, key):
            p = law(dict(theta))[:, : observable.size]
            p = jnp.pad(p, ((0, 0), (0, observable.size - p.shape[1])))
            return ((1 - self.outliers) * p + self.outliers / observable.size)[None]

        return expected

    def start(self, network: Network, theta: Mapping):
        """The stationary law before the shock, (promoter states, messengers)."""
        shape = len(promoter_states(network)), self.most + 1
        many, (flow, _) = shape[0] * shape[1], _flow(network, theta, self.most)
        matrix = jax.jacfwd(lambda p: flow(p.reshape(shape), jnp.zeros(())).ravel())(jnp.zeros(many))
        return jnp.linalg.solve(matrix.at[-1].set(1.0), jnp.zeros(many).at[-1].set(1.0)).reshape(shape)

    def law(self, network: Network, theta: Mapping, times: tuple[float, ...]):
        """Law of the messenger at each of the times, (times, most + 1)."""
        flow, fastest = _flow(network, theta, self.most)

        def advance(carry):
            p, t, h = carry
            a = flow(p, t)
            b = flow(p + h / 2 * a, t + h / 2)
            c = flow(p + h / 2 * b, t + h / 2)
            d = flow(p + h * c, t + h)
            return p + h / 6 * (a + 2 * b + 2 * c + d), t + h, h

        def interval(p, ends):
            begin, h, many = ends
            p, _, _ = jax.lax.fori_loop(0, many, lambda _, carry: advance(carry), (p, begin, h))
            return p, p.sum(0)

        begins = np.array([0.0, *times[:-1]])
        step_length = jnp.minimum(self.step, self.stable / fastest(jnp.linspace(0.0, times[-1], 501)))
        many = jnp.ceil((np.array(times) - begins) / step_length).astype(int)
        lengths = (np.array(times) - begins) / jnp.maximum(many, 1)
        return jax.lax.scan(interval, self.start(network, theta), (begins, lengths, many))[1]


def promoter_states(network: Network) -> list[str]:
    """Every species but the messenger; exactly one molecule of all of them."""
    return [name for name in network.species if name != "M"]


def _flow(network: Network, theta: Mapping, most: int) -> Callable:
    """The right-hand side Q(t) p of the master equation, p (promoter states, messengers); and the fastest exit rate over times.

    Switching may depend on time and not on messengers, transcription and decay not on time. What would lead beyond the largest
    count does not happen.
    """
    rows, moves = (
        promoter_states(network),
        [dict(zip(network.species, c, strict=True)) for c in network.stoichiometry.T],
    )
    up, down = ([r for r, move in enumerate(moves) if move["M"] == sign] for sign in (1, -1))
    switches = [r for r, move in enumerate(moves) if move["M"] == 0]
    timed = [network.reactions[r].law.time_dependent for r in switches]
    ends = [[next(i for i, n in enumerate(rows) if moves[r][n] == sign) for sign in (-1, 1)] for r in switches]
    effect = np.zeros((len(switches), len(rows), len(rows)))
    for number, (source, target) in enumerate(ends):
        effect[number, target, source], effect[number, source, source] = 1.0, -1.0

    def rates(messengers, t):
        where = {
            name: jnp.asarray(np.eye(len(rows))[i][:, None]) * jnp.ones(len(messengers)) for i, name in enumerate(rows)
        }
        counts = (where.get(name, jnp.ones((len(rows), 1)) * messengers) for name in network.species)
        return network.propensities(tuple(counts), theta, t)

    def switching(t, which):
        found = rates(jnp.zeros(1), t)
        chosen = [n for n, moving in enumerate(timed) if moving == which]
        return sum(found[switches[n]][ends[n][0], 0] * effect[n] for n in chosen)

    always = rates(jnp.arange(most + 1.0), jnp.zeros(()))
    births = sum(always[r] for r in up).at[:, -1].set(0.0)
    deaths, steady = sum(always[r] for r in down), switching(jnp.zeros(()), False)

    def flow(p, t):
        made, lost = births * p, deaths * p
        moved = jnp.pad(made[:, :-1], ((0, 0), (1, 0))) + jnp.pad(lost[:, 1:], ((0, 0), (0, 1)))
        return (steady + switching(t, True)) @ p + moved - made - lost

    def fastest(times):
        leaving = jax.vmap(lambda t: -jnp.diagonal(steady + switching(t, True)))(times).max()
        return jax.lax.stop_gradient(leaving + births.max() + deaths.max())

    return flow, fastest
