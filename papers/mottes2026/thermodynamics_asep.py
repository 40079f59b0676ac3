"""Particles that exclude each other, driven round a ring: the largest current for a given sum of all rates."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from common.item import Item
from jumpax.plots import new_figure, style
from mottes2026.thermodynamics import Ring, exact_optimum, judged, shared


def _starts(settings) -> np.ndarray:
    """Random logits, (starts, rates)."""
    generator = np.random.default_rng(settings["seed"])
    return generator.normal(0, settings["spread"], (settings["starts"], 2 * settings["sites"]))


def _exact(settings) -> dict:
    """What enumeration finds, from the same starts; and the homogeneous ring."""
    ring, costs = Ring(settings["sites"], settings["particles"]), [1.0] * settings["sites"]
    found = exact_optimum(ring, settings["total"], costs, 0.0, _starts(settings))
    rate = settings["total"] / ring.sites
    uniform = ring.exact(ring.theta([rate] * ring.sites + [1e-9] * ring.sites))
    n, size = ring.particles, ring.sites
    return {
        **found,
        "homogeneous": np.asarray(uniform),
        "formula": settings["total"] * n * (size - n) / (size * (size - 1)),
    }


def _climb(settings, number: int) -> dict:
    """From one random start up the current, by simulation gradients."""
    ring, costs = Ring(settings["sites"], settings["particles"]), [1.0] * settings["sites"]
    simulated, key = ring.simulated(settings), jax.random.fold_in(jax.random.key(settings["seed"]), number)
    adam = optax.adam(optax.cosine_decay_schedule(settings["rate"], settings["steps"], 0.05))

    @jax.value_and_grad
    def loss(u, key):
        return -simulated(ring.theta(shared(u, settings["total"], costs)), key)[0]

    u = jnp.asarray(_starts(settings)[number])
    state, currents, tail = adam.init(u), [], []
    first = np.asarray(ring.exact(ring.theta(shared(u, settings["total"], costs))))
    for step in range(settings["steps"]):
        value, slope = loss(u, jax.random.fold_in(key, step))
        updates, state = adam.update(slope, state)
        u = u + updates
        currents.append(-float(value))
        tail = [*tail, u][-settings["average"] :]
    rates = shared(jnp.mean(jnp.stack(tail), 0), settings["total"], costs)
    return {
        "start": first,
        "currents": currents,
        **judged(ring, simulated, rates, settings["seed"] + number, settings["final"]),
    }


def _parts(settings):
    climbs = {f"start {n}": lambda n=n: _climb(settings, n) for n in range(settings["starts"])}
    return {"exact": lambda: _exact(settings), **climbs}


def _combine(settings, found):
    exact, size = found["exact"], settings["sites"]
    climbs = [part for name, part in found.items() if name != "exact"]
    forward = np.array([c["rates"][:size] for c in climbs]) / (settings["total"] / size)
    best = exact["formula"]
    return {
        **exact, "climbs": climbs, "formula": best, "enumeration_over_formula": exact["rates_of_ring"][0] / best,
        "started_from": [c["start"][0] / best for c in climbs], "current_over_bound": [c["exact"][0] / best for c in climbs],
        "worst_current_over_bound": min(c["exact"][0] / best for c in climbs),
        "most_above_bound_z": max((c["simulated"][0] - best) / c["error"][0] for c in climbs),
        "worst_z": max(c["worst_z"] for c in climbs),
        "forward_rates_root_mean_square_off": np.sqrt(((forward - 1) ** 2).mean(1)).max(),
        "backward_share": max(float(np.sum(c["rates"][size:])) / settings["total"] for c in climbs),
    }  # fmt: skip


def _draw(settings, results):
    figure, size = new_figure(8.4, 3.4), settings["sites"]
    with style():
        left, right = figure.subplots(1, 2)
        for climb in results["climbs"]:
            left.plot(np.array(climb["currents"]) / results["formula"], lw=1)
            right.plot(np.array(climb["rates"][:size]) / (settings["total"] / size), "o-", ms=3, lw=1)
        left.axhline(1, color="k", lw=0.8)
        left.set(xlabel="step", ylabel="current over bound", title="from random rates")
        right.axhline(1, color="k", lw=0.8)
        right.set(xlabel="bond", ylabel="forward rate L / K", title="reached", ylim=(0, 1.5))
    return figure


ITEM = Item(
    title="exclusion process on a ring: optimised current against the bound, from random starts",
    settings={
        "sites": 6, "particles": 3, "total": 6.0, "starts": 4, "spread": 1.0, "steps": 200, "average": 40, "rate": 0.15, "final": 32,
        "settle": 20.0, "time": 400.0, "paths": 32, "seed": 20261121,
    },
    tiny={"sites": 2, "particles": 1, "total": 2.0, "starts": 1, "steps": 3, "final": 4, "settle": 20.0, "time": 60.0, "paths": 8},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
