"""Figures of the demonstration."""

from typing import TYPE_CHECKING

import numpy as np

from jumpax.demo.run import FOUND, GeneFit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LABELS = {"burst_frequency": "burst frequency (1/lifetime)", "burst_size": "burst size (molecules)"}


def distribution_figure(gene: GeneFit) -> "Figure":
    """Counts, the simulated law at the fit, and the exact law at its own maximum; on a linear and a logarithmic axis."""
    from jumpax import plots

    laws = {"simulated, at the fit": gene.fit.expected[0], "exact, at its maximum": gene.exact.expected[0]}
    with plots.style():
        figure = plots.new_figure(9.2, 3.6)
        linear, logarithmic = figure.subplots(1, 2)
        plots.distribution(gene.counts, laws, linear, species=f"{gene.name} mRNA per cell", label="cells")
        linear.lines[-1].set_linestyle((0, (3, 2)))
        top = int(gene.counts.max()) + 2
        edges = _edges(top)
        width = np.diff(edges)
        seen = np.histogram(gene.counts, edges)[0] / (len(gene.counts) * width)
        middle = (edges[:-1] + edges[1:] - 1) / 2
        logarithmic.plot(middle[seen > 0], seen[seen > 0], "o", color="#8C98A3", markersize=4, label="cells, binned")
        for number, (name, law) in enumerate(laws.items()):
            p = np.add.reduceat(np.asarray(law, float)[: edges[-1]], edges[:-1]) / width
            logarithmic.plot(middle[p > 0], p[p > 0], color=plots.PALETTE[number], linewidth=1.4,
                             linestyle=(0, (3, 2)) if number else "-", label=name)  # fmt: skip
        logarithmic.set_yscale("log")
        logarithmic.set_ylim(0.2 / (len(gene.counts) * width[-1]), 2 * seen.max())
        logarithmic.set_xlabel(f"{gene.name} mRNA per cell (molecules)")
        logarithmic.set_ylabel("probability per count")
    return figure


def _edges(top: int) -> np.ndarray:
    """Edges of bins that widen with the count."""
    edges = [0]
    while edges[-1] < top:
        edges.append(edges[-1] + max(1, round(edges[-1] / 8)))
    return np.array(edges)


def profile_figure(gene: GeneFit) -> "Figure":
    """Profile likelihood of `k_off` with its threshold and bound."""
    from jumpax import plots

    found = gene.k_off
    with plots.style():
        figure = plots.new_figure(6.4, 3.4)
        axes = figure.subplots()
        axes.plot(found.values, found.log_likelihood, marker="o", markersize=4, color=plots.PALETTE[0],
                  label="profile (exact law)")  # fmt: skip
        axes.axhline(-found.drop, color="#6B747C", linewidth=1.0, linestyle=(0, (4, 3)),
                     label=f"threshold (−{found.drop:.3g})")  # fmt: skip
        axes.axvline(gene.fit.estimates["k_off"], color=plots.PALETTE[2], linewidth=1.2, label="value in the fit")
        low = found.values[0] if found.lower is None else found.lower
        high = found.values[-1] if found.upper is None else found.upper
        axes.axvspan(low, high, color=plots.PALETTE[0], alpha=0.10, linewidth=0, label=str(found))
        axes.set_xscale("log")
        axes.set_xlim(found.values[0], found.values[-1])
        axes.set_ylim(-12 * found.drop, 0.6 * found.drop)
        axes.set_xlabel("k_off (1/lifetime)")
        axes.set_ylabel("log-likelihood − largest")
        axes.legend(loc="lower right", fontsize=8)
    return figure


def convergence_figure(gene: GeneFit) -> "Figure":
    """Loss and parameters against step, with noise, the exact answer, and the size of the standard error."""
    from jumpax import plots

    history, exact = gene.fit.history, gene.exact
    steps = np.arange(len(history.loss))
    with plots.style():
        figure = plots.new_figure(9.2, 3.4)
        loss, *panels = figure.subplots(1, 3)
        loss.errorbar(steps, history.loss, history.loss_error, fmt=".", markersize=4, linewidth=0.8,
                      color=plots.PALETTE[0])  # fmt: skip
        loss.axhline(exact.loss, color="#6B747C", linestyle=(0, (4, 3)), linewidth=1.0)
        low = min(history.loss.min(), exact.loss)
        loss.set_ylim(low - 0.06 * (np.median(history.loss) - low) - 20, low + 6 * (np.median(history.loss) - low) + 60)
        loss.set_ylabel("− log-likelihood")
        for number, (axes, name) in enumerate(zip(panels, FOUND, strict=True), 1):
            colour = plots.PALETTE[number]
            column = history.values[:, gene.fit.free.index(name)]
            error = gene.fit.standard_errors[name]
            if np.isfinite(error):
                axes.axhspan(exact.estimates[name] - error, exact.estimates[name] + error, color="#C9D3DC", alpha=0.5,
                             linewidth=0, label="exact maximum ± standard error")  # fmt: skip
            axes.axhline(exact.estimates[name], color="#6B747C", linestyle=(0, (4, 3)), linewidth=1.0)
            axes.plot(steps, column, color=colour, marker=".", markersize=4, linewidth=0.8, label="steps")
            axes.axhline(gene.fit.estimates[name], color=colour, linewidth=1.2, label="mean of the last")
            axes.set_ylabel(_LABELS[name])
        panels[0].legend(fontsize=7, loc="lower right")
        for axes in (loss, *panels):
            axes.set_xlabel("step")
    return figure
