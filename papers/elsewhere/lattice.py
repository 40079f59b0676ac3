"""Hopping over barriers of different heights: at which temperature is the diffusion constant what is wanted?"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import expm

import jumpax
from common.item import Item
from jumpax import MassAction, Network, Reaction
from jumpax.plots import new_figure, style


@functools.cache
def ring(sites: int) -> Network:
    """A walker that is at one of the sites, and how often it has gone right and left; one rate per bond, both ways."""
    reactions = []
    for i in range(sites):
        j = (i + 1) % sites
        reactions.append(Reaction(f"S{i} -> S{j} + right", MassAction(f"w{i}")))
        reactions.append(Reaction(f"S{j} -> S{i} + left", MassAction(f"w{i}")))
    return Network(reactions)


def barriers(settings) -> np.ndarray:
    """Heights of the barriers on the bonds, (sites,)."""
    return np.random.default_rng(settings["seed"]).uniform(0, settings["highest"], settings["sites"])


def exact_constant(heights: np.ndarray, coldness: float) -> float:
    """D = 1 / <1/w>, spacing 1, w = exp(-coldness * height). Source: Derrida 1983, doi:10.1007/BF01019492."""
    return float(1 / np.mean(np.exp(coldness * heights)))


def exact_coldness(heights: np.ndarray, constant: float) -> float:
    """The coldness at which the diffusion constant is as given."""
    low, high = 0.0, 100.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if exact_constant(heights, middle) > constant else (low, middle)
    return (low + high) / 2


def exact_slope(heights: np.ndarray, coldness: float, times) -> float:
    """The growth of the mean square displacement between two times over twice the time, from the equations of its moments.

    With p_i the probability of site i, m_i and s_i the mean of x and x^2 there: p' = Q p, m' = Q m + F p, s' = Q s + 2 F m + T p,
    F and T being what hops carry in, with sign and without.
    """
    w, n = np.exp(-coldness * heights), len(heights)
    right, left = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        right[(i + 1) % n, i] += w[i]
        left[i, (i + 1) % n] += w[i]
    q = right + left - np.diag((right + left).sum(0))
    zero = np.zeros((n, n))
    block = np.block([[q, zero, zero], [right - left, q, zero], [right + left, 2 * (right - left), q]])
    start = np.eye(3 * n)[0]
    first, last = ((expm(block * t) @ start)[2 * n :].sum() for t in times)
    return (last - first) / (2 * (times[1] - times[0]))


def _design(settings) -> dict:
    """Newton's method on ln D, with a fresh simulation at each step."""
    heights, network, times = barriers(settings), ring(settings["sites"]), settings["times"]
    squared = jumpax.expectation(
        lambda counts: (counts["right"] - counts["left"]) ** 2, network, {"S0": 1} | dict.fromkeys([*network.species[1:]], 0), times,
        paths=settings["paths"], gradient=jumpax.ScoreFunction("optimal"),
    )  # fmt: skip

    def constant(coldness, key):
        rates = jnp.exp(-coldness * jnp.asarray(heights))
        first, last = squared({f"w{i}": rate for i, rate in enumerate(rates)}, key)
        return (last - first) / (2 * (times[1] - times[0]))

    slope_and_value = jax.value_and_grad(constant)
    coldness, key, track, values = 0.5, jax.random.key(settings["seed"]), [], []
    for step in range(settings["steps"]):
        value, slope = slope_and_value(jnp.asarray(coldness), jax.random.fold_in(key, step))
        coldness += float(jnp.clip((settings["target"] - value) / slope, -0.7, 0.7))
        track.append(coldness)
        values.append(float(value))
    tail = np.array(track[len(track) // 2 :])
    found = tail.mean()
    exact = exact_coldness(heights, settings["target"])
    check = np.array([
        float(constant(jnp.asarray(found), k)) for k in jax.random.split(jax.random.key(settings["seed"] + 1), settings["checks"])
    ])  # fmt: skip
    return {
        "coldness": found, "error": tail.std(ddof=1) / np.sqrt(len(tail)), "exact": exact, "off": abs(found / exact - 1),
        "constant": exact_constant(heights, found), "constant_off": abs(exact_constant(heights, found) / settings["target"] - 1),
        "transient": exact_slope(heights, found, times) / exact_constant(heights, found) - 1, "arithmetic": np.exp(-found * heights).mean(),
        "check": {"value": check.mean(), "error": check.std(ddof=1) / np.sqrt(len(check)), "exact": exact_slope(heights, found, times)},
        "track": track, "values": values, "heights": heights,
    }  # fmt: skip


def _draw(settings, results):
    figure, heights = new_figure(5.2, 3.6), np.array(results["heights"])
    with style():
        axes = figure.subplots()
        grid = np.linspace(0, 1.3 * max(results["track"]), 100)
        axes.plot(grid, [exact_constant(heights, c) for c in grid], color="k", label="1 / ⟨1/w⟩")
        axes.plot(grid, np.exp(-np.outer(grid, heights)).mean(1), color="k", ls=":", label="⟨w⟩")
        axes.plot([0.5, *results["track"][:-1]], results["values"], "o", ms=4, label="on the way")
        axes.axhline(settings["target"], lw=0.8, color="C1", label="wanted")
        axes.set(xlabel="coldness", ylabel="diffusion constant", yscale="log", title="disordered lattice")
        axes.legend()
    return figure


ITEM = Item(
    title="hopping on a disordered ring: diffusion constant as wanted, against 1 / <1/w>",
    settings={
        "sites": 8, "highest": 3.0, "target": 0.2, "times": [60.0, 180.0], "paths": 20_000, "steps": 20, "checks": 10, "seed": 20261125
    },
    tiny={"sites": 3, "paths": 200, "steps": 4, "checks": 2, "times": [10.0, 20.0]},
    parts=lambda settings: {"design": lambda: _design(settings)},
    combine=lambda settings, found: found["design"],
    draw=_draw,
)  # fmt: skip
