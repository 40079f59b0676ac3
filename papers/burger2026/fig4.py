"""Fig. 4: the repressilator; paths, and presence, amplitude and period of oscillation from the rate equations."""

import numpy as np

import jumpax
from burger2026.rate_equations import cycle, onset
from common.item import Item
from jumpax.plots import new_figure, style


def _paths(settings) -> dict:
    """Counts of one path and means of many, at theta of the settings."""
    beta, K = settings["shown"]
    period = cycle(beta / K, settings["hill"])[0]
    model = jumpax.zoo.repressilator(beta=beta, K=K, exponent=settings["hill"], start=(round(beta / 2), round(K), 0))
    times = list(np.linspace(0, 3 * period, 181))
    made = jumpax.simulate(
        model.network,
        model.theta,
        model.x0,
        times=times,
        paths=settings["paths"],
        key=settings["seed"],
    )
    return {"times": times, "path": made.counts[0].T, "mean": made.mean().T, "period": period}


def _table(settings, hill: float) -> dict:
    """Period and amplitude/K by alpha = beta/K."""
    return {
        f"{alpha:g}": dict(zip(("period", "amplitude"), cycle(alpha, hill), strict=True))
        for alpha in settings["alphas"]
    }


def _map(settings) -> dict:
    """Amplitude and period on a grid of beta and K."""
    cells = [[cycle(float(f"{beta / K:.4g}"), settings["hill"]) for beta in settings["betas"]] for K in settings["Ks"]]
    amplitude = [[K * cell[1] for cell in row] for K, row in zip(settings["Ks"], cells, strict=True)]
    return {"period": [[cell[0] for cell in row] for row in cells], "amplitude": amplitude}


def _parts(settings):
    tables = {f"h = {h:g}": lambda h=h: _table(settings, h) for h in settings["exponents"]}
    return {"paths": lambda: _paths(settings), "map": lambda: _map(settings), **tables}


def _combine(settings, found):
    tables = {f"{h:g}": found[f"h = {h:g}"] for h in settings["exponents"]}
    shares = [
        cell["amplitude"] / float(alpha)
        for alpha, cell in tables[f"{settings['hill']:g}"].items()
        if float(alpha) >= 100
    ]
    return {
        "paths": found["paths"], "map": found["map"], "cycle": tables, "onset": {f"{h:g}": onset(h) for h in settings["exponents"]},
        "amplitude_over_beta": {"least": min(shares), "most": max(shares)} if shares else {},
    }  # fmt: skip


def _draw(settings, results):
    figure = new_figure(12.0, 6.6)
    with style():
        panels = figure.subplots(2, 3)
        paths = results["paths"]
        for number in range(3):
            panels[0, 0].plot(paths["times"], paths["path"][number], lw=0.9, color=f"C{number}", label=f"P{number + 1}")
            panels[0, 1].plot(paths["times"], paths["mean"][number], color=f"C{number}")
        panels[0, 0].set(xlabel="time (lifetimes)", ylabel="molecules", title="one path")
        panels[0, 1].set(
            xlabel="time (lifetimes)", ylabel="molecules", title=f"mean of {settings['paths']} paths: phases spread"
        )
        panels[0, 0].legend()
        for number, (h, table) in enumerate(results["cycle"].items()):
            alphas = np.array([float(alpha) for alpha in table])
            for panel, what in ((panels[0, 2], "amplitude"), (panels[1, 0], "period")):
                panel.plot(
                    alphas, np.array([cell[what] for cell in table.values()], float), "o-", ms=3, label=f"h = {h}"
                )
            panels[0, 2].axvline(results["onset"][h], color=f"C{number}", ls=":", lw=1)
        panels[0, 2].set(
            xscale="log", yscale="log", xlabel="β/K", ylabel="amplitude/K", title="amplitude; dotted: onset"
        )
        panels[1, 0].set(xscale="log", xlabel="β/K", ylabel="period (lifetimes)", title="period")
        panels[0, 2].legend(fontsize=7)
        for panel, what in ((panels[1, 1], "amplitude"), (panels[1, 2], "period")):
            values = np.array(results["map"][what], float)
            values = np.ma.masked_invalid(
                np.log10(np.where(values > 0, values, np.nan)) if what == "amplitude" else values
            )
            drawn = panel.pcolormesh(settings["betas"], settings["Ks"], values, shading="nearest")
            panel.set(
                xscale="log",
                yscale="log",
                xlabel="β",
                ylabel="K",
                title=f"{'log₁₀ ' if what == 'amplitude' else ''}{what}",
            )
            figure.colorbar(drawn, ax=panel)
    return figure


ITEM = Item(
    title="repressilator: paths, amplitude and period",
    settings={
        "hill": 3.0, "exponents": [2.5, 3, 4, 6, 10], "shown": [300.0, 10.0], "paths": 500, "seed": 20261120,
        "alphas": [1.5, 2, 3, 3.5, 4, 5, 7, 10, 17, 30, 55, 100, 300, 1000, 3000, 10000],
        "betas": [float(f"{10 ** (1 + i / 6):.6g}") for i in range(13)], "Ks": [float(f"{10 ** (-1 / 3 + i / 6):.6g}") for i in range(15)],
    },
    tiny={"exponents": [3], "alphas": [2, 10, 100], "betas": [10, 1000], "Ks": [1, 10], "paths": 10},
    parts=_parts,
    combine=_combine,
    draw=_draw,
    sampled=False,
)  # fmt: skip
