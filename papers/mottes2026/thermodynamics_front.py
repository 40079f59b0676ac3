"""An exclusion process with one costly bond: front of current against entropy production, beside that by enumeration."""

import jax.numpy as jnp
import numpy as np

from common.item import Item
from jumpax.design import pareto_front
from jumpax.plots import new_figure, style
from mottes2026.thermodynamics import Ring, bound, exact_optimum, judged, shared


def _costs(settings) -> list[float]:
    return [settings["cost"], *[1.0] * (settings["sites"] - 1)]


def _simulated(settings) -> dict:
    """The front by simulation gradients, from random rates on."""
    ring, costs = Ring(settings["sites"], settings["particles"]), _costs(settings)
    simulated = ring.simulated(settings)

    def objectives(u, key):
        current, sigma, _ = simulated(ring.theta(shared(u, settings["total"], costs)), key)
        return jnp.stack([-current, sigma])

    start = np.random.default_rng(settings["seed"]).normal(0, settings["spread"], 2 * ring.sites)
    found = pareto_front(
        objectives, start, weights=[[1.0, w] for w in settings["weights"]], key=settings["seed"], steps=settings["steps"],
        final=settings["final"],
    )  # fmt: skip
    points = [
        judged(ring, simulated, shared(u, settings["total"], costs), settings["seed"] + 1 + i, settings["final"])
        for i, u in enumerate(found.parameters)
    ]
    return {"points": points, "efficient": found.efficient}


def _exact(settings) -> dict:
    """The front by enumeration and deterministic descent, at the same weights and between them."""
    ring, costs = Ring(settings["sites"], settings["particles"]), _costs(settings)
    generator, u = np.random.default_rng(settings["seed"] + 1), None
    found = []
    for weight in _fine(settings["weights"]):
        own = generator.normal(0, 0.5, (1 if u is not None else 3, 2 * ring.sites))
        best = exact_optimum(ring, settings["total"], costs, weight, [*own, *([] if u is None else [u])])
        u = np.log(best["rates"] * np.array([*costs, *costs]))
        u = u - u.mean()
        found.append(best)
    return {"front": found}


def _fine(weights) -> list[float]:
    """The weights, and one between any two of them."""
    middle = np.sqrt(np.array(weights[1:]) * np.array(weights[:-1]))
    return sorted([*weights, *middle], reverse=weights[0] > weights[-1])


def _parts(settings):
    return {"exact": lambda: _exact(settings), "simulated": lambda: _simulated(settings)}


def _combine(settings, found):
    exact = [row["rates_of_ring"] for row in found["exact"]["front"]]
    points, scalars = found["simulated"]["points"], []
    for weight, point, best in zip(settings["weights"], points, exact[::2], strict=True):
        reached, least = (weight * rates[1] - rates[0] for rates in (point["exact"], best))
        scalars.append({
            "weight": weight, "objective_off": reached / least - 1, "current_off": point["exact"][0] / best[0] - 1,
            "entropy_off": point["exact"][1] / best[1] - 1, "above_front": _above(point["exact"], exact),
        })  # fmt: skip
    homogeneous = [float(bound(rates[0], rates[2])) for rates in exact]
    return {
        "points": points, "exact": exact, "exact_rates": [row["rates"] for row in found["exact"]["front"]], "rows": scalars,
        "bound_at_exact": homogeneous, "efficient": int(sum(found["simulated"]["efficient"])),
        "worst_objective_off": max(abs(row["objective_off"]) for row in scalars),
        "worst_above_front": max(row["above_front"] for row in scalars),
        "least_above_front": min(row["above_front"] for row in scalars),
        "least_above_bound_z": min(p["above_bound_z"] for p in points), "worst_z": max(p["worst_z"] for p in points),
    }  # fmt: skip


def _above(point, front) -> float:
    """Entropy production over that of the front at the same current, less 1; the front is interpolated, sigma / V^2 linearly."""
    rows = np.array(sorted(front, key=lambda rates: rates[0]))
    level = np.interp(point[0], rows[:, 0], rows[:, 1] / rows[:, 0] ** 2) * point[0] ** 2
    return point[1] / level - 1


def _draw(settings, results):
    figure, exact = new_figure(8.4, 3.6), np.array(sorted(results["exact"], key=lambda rates: rates[0]))
    points, size = results["points"], settings["sites"]
    with style():
        left, right = figure.subplots(1, 2)
        left.plot(exact[:, 0], exact[:, 1], color="k", label="enumeration")
        left.errorbar(
            [p["simulated"][0] for p in points], [p["simulated"][1] for p in points], fmt="o", ms=5,
            xerr=[p["error"][0] for p in points], yerr=[p["error"][1] for p in points], label="simulation gradients",
        )  # fmt: skip
        left.plot(
            exact[:, 0], [float(bound(v, t)) for v, _, t in exact], ls=":", color="k", label="bound 2V artanh(V/T)"
        )
        left.set(xlabel="current V", ylabel="entropy production σ (nats)", title="one costly bond")
        left.legend()
        for point, rates, colour in zip(points[::3], results["exact_rates"][::6], ("C0", "C1", "C2"), strict=False):
            right.plot(rates[:size], color=colour, lw=1)
            right.plot(point["rates"][:size], "o", ms=4, color=colour, label=f"V = {point['exact'][0]:.2f}")
        right.set(xlabel="bond", ylabel="forward rate", title="lines: enumeration")
        right.legend()
    return figure


ITEM = Item(
    title="exclusion process with a costly bond: Pareto front against enumeration",
    settings={
        "sites": 6, "particles": 3, "total": 6.0, "cost": 4.0, "weights": [0.03, 0.06, 0.12, 0.25, 0.5, 1.0], "spread": 0.5,
        "steps": 150, "final": 32, "settle": 25.0, "time": 400.0, "paths": 32, "seed": 20261122,
    },
    tiny={"sites": 2, "particles": 1, "total": 2.0, "weights": [0.3], "steps": 3, "final": 4, "settle": 20.0, "time": 60.0, "paths": 8},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
