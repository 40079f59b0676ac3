"""One driven walker on a ring: the least entropy production of a current, when the sum of all rates is given."""

import jax
import jax.numpy as jnp
import numpy as np

import jumpax
from common.item import Item
from jumpax.design import pareto_front
from jumpax.observables import PathSums, tur_ratio
from jumpax.plots import new_figure, style
from mottes2026.thermodynamics import Ring, judged, shared


def _weights(settings) -> np.ndarray:
    """Of -V and sigma: on the front V = kappa tanh(A/2), sigma = kappa A tanh(A/2), d sigma / d V = A + sinh A."""
    affinity = np.array(settings["affinities"])
    return np.stack([np.ones(len(affinity)), 1 / (affinity + np.sinh(affinity))], 1)


def _front(settings) -> dict:
    """The front by simulation gradients, all rates of all bonds free, from random ones on."""
    ring, total = Ring(settings["sites"]), settings["sites"] * settings["kappa"]
    costs, simulated = [1.0] * ring.sites, ring.simulated(settings)

    def objectives(u, key):
        current, sigma, _ = simulated(ring.theta(shared(u, total, costs)), key)
        return jnp.stack([-current, sigma])

    start = np.random.default_rng(settings["seed"]).normal(0, settings["spread"], 2 * ring.sites)
    found = pareto_front(
        objectives,
        start,
        weights=_weights(settings),
        key=settings["seed"],
        steps=settings["steps"],
        final=settings["final"],
    )
    points = [
        judged(ring, simulated, shared(u, total, costs), settings["seed"] + 1 + i, settings["final"])
        for i, u in enumerate(found.parameters)
    ]
    return {
        "points": points,
        "efficient": found.efficient,
        "start": np.asarray(ring.exact(ring.theta(shared(start, total, costs)))),
    }


def _gradients(settings) -> dict:
    """Gradients of V and sigma on a heterogeneous ring, beside the exact ones: cosine and ratio of lengths."""
    ring, generator = Ring(settings["sites"]), np.random.default_rng(settings["seed"] + 1)
    logs = np.concatenate([generator.normal(m, 0.7, ring.sites) for m in (0.5, -0.5)])
    simulated, key = ring.simulated(settings), jax.random.key(settings["seed"])
    got = jax.jacobian(lambda u: simulated(ring.theta(jnp.exp(u)), key))(jnp.asarray(logs))
    want = jax.jacobian(lambda u: ring.exact(ring.theta(jnp.exp(u))))(jnp.asarray(logs))
    got, want = np.asarray(got), np.asarray(want)
    return {
        name: {"cosine": g @ w / np.linalg.norm(g) / np.linalg.norm(w), "ratio": np.linalg.norm(g) / np.linalg.norm(w)}
        for name, g, w in zip(("current", "entropy"), got, want, strict=False)
    }


def _paths(settings) -> dict:
    """Entropy production of the homogeneous ring by events and by propensities, and the uncertainty relation."""
    ring, kappa, found = Ring(settings["sites"]), settings["kappa"], {}
    current, entropy, _ = ring.rates
    for affinity in settings["path_affinities"]:
        p = kappa / (1 + np.exp(-affinity))
        made = jumpax.simulate(
            ring.network, ring.theta([p] * ring.sites + [kappa - p] * ring.sites), ring.start, times=[settings["path_time"]],
            paths=settings["path_number"], key=settings["seed"], record=PathSums(current, entropy),
        )  # fmt: skip
        crossings, produced = ({k: v[:, 0] for k, v in kind._asdict().items()} for kind in made.records)
        ratio = tur_ratio(crossings["events"], produced["events"])
        exact = kappa * affinity * np.tanh(affinity / 2)
        rates = {kind: values / settings["path_time"] for kind, values in produced.items()}
        found[f"{affinity:g}"] = {
            "exact": exact,
            **{kind: {"value": v.mean(), "error": v.std(ddof=1) / np.sqrt(len(v)) + 1e-12 * exact} for kind, v in rates.items()},
            "tur": {"value": ratio.value, "error": ratio.standard_error, "exact": affinity / 2 / np.tanh(affinity / 2)},
        }  # fmt: skip
    return found


def _parts(settings):
    return {
        "front": lambda: _front(settings), "gradients": lambda: _gradients(settings), "paths": lambda: _paths(settings)
    }  # fmt: skip


def _combine(settings, found):
    """Distances from the front at the exact values of the rates that were found."""
    points, kappa, off = found["front"]["points"], settings["kappa"], []
    for point in points:
        current, sigma, _ = point["exact"]
        off.append(sigma / (2 * current * np.arctanh(current / kappa)) - 1)
    affinity = np.array(settings["affinities"])
    wanted = kappa * np.tanh(affinity / 2)
    return {
        **found, "above_front": off, "worst_above_front": max(off),
        "worst_current_off": max(abs(p["exact"][0] / v - 1) for p, v in zip(points, wanted, strict=True)),
        "worst_entropy_off": max(abs(p["exact"][1] / s - 1) for p, s in zip(points, wanted * affinity, strict=True)),
        "least_above_bound_z": min(p["above_bound_z"] for p in points), "worst_z": max(p["worst_z"] for p in points),
        "efficient": int(sum(found["front"]["efficient"])),
    }  # fmt: skip


def _draw(settings, results):
    figure, kappa = new_figure(8.4, 3.6), settings["kappa"]
    affinity = np.linspace(0.05, 1.15 * max(settings["affinities"]), 200)
    points = results["front"]["points"]
    with style():
        left, right = figure.subplots(1, 2)
        left.plot(
            kappa * np.tanh(affinity / 2), kappa * affinity * np.tanh(affinity / 2), color="k", label="exact front"
        )
        left.errorbar(
            [p["simulated"][0] for p in points], [p["simulated"][1] for p in points], fmt="o", ms=5,
            xerr=[p["error"][0] for p in points], yerr=[p["error"][1] for p in points], label="simulation gradients",
        )  # fmt: skip
        left.plot(*results["front"]["start"][:2], "x", color="k", label="start")
        left.set(xlabel="current V", ylabel="entropy production σ (nats)", title="driven ring")
        left.legend()
        right.plot(affinity, affinity / 2 / np.tanh(affinity / 2), color="k", label="(A/2) / tanh(A/2)")
        rows = {float(a): row["tur"] for a, row in results["paths"].items()}
        right.errorbar(
            list(rows), [r["value"] for r in rows.values()], yerr=[r["error"] for r in rows.values()], fmt="o", ms=4
        )
        right.axhline(1, color="k", lw=0.8, ls=":")
        right.set(xlabel="affinity A per bond", ylabel="Var X · ⟨S⟩ / 2⟨X⟩²", title="uncertainty relation")
        right.legend()
    return figure


ITEM = Item(
    title="driven ring with a kinetic resource: front of current against entropy production",
    settings={
        "sites": 4, "kappa": 1.0, "affinities": [4.0, 3.0, 2.4, 1.8, 1.3, 0.9, 0.6, 0.4], "spread": 1.0, "steps": 150, "final": 32,
        "settle": 30.0, "time": 300.0, "paths": 32, "path_affinities": [0.5, 1.0, 2.0, 4.0], "path_time": 40.0,
        "path_number": 20_000, "seed": 20261120,
    },
    tiny={"sites": 2, "affinities": [2.0, 1.0], "steps": 4, "final": 4, "settle": 20.0, "time": 60.0, "paths": 8,
          "path_affinities": [1.0], "path_number": 200},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
