"""Files of the demonstration: one report, the figures, the numbers."""

import os
from pathlib import Path
from typing import Any

from jumpax._base.errors import InputError
from jumpax.demo.bursting import SETTLE
from jumpax.demo.counts import GENES
from jumpax.demo.figures import convergence_figure, distribution_figure, profile_figure
from jumpax.demo.run import FOUND, Demo, GeneFit

_ABOUT = """Messenger RNA of circadian genes was counted in single mouse cells by fluorescence in situ hybridisation \
(CircadianSMFISH, Apache-2.0). The model is bursty transcription: a promoter that opens at the burst frequency k_on, \
closes at k_off, and transcribes at k_tx while open; a burst makes k_tx / k_off molecules on average. All rates are per \
lifetime of the messenger. Cells are taken as independent and at steady state; the counts grow with the area of the cell, \
which is not modelled, so that part of what reads as bursting is size.

Each fit simulates exact paths (Gillespie's direct method, {paths:,} per step, {settle:g} lifetimes from an empty cell) \
and follows the score-function gradient of the log-likelihood of the counts under the simulated histogram. k_off is fixed \
at 20: the counts do not determine it (its likelihood has no maximum), so it is reported as a bound. Counts that no \
path reached have the probability of the closed stationary law, which otherwise enters with a weight of five paths only. \
The exact values come from the master equation. A fit is right when it lies within two standard errors of them."""

_BOUND = """k_off is refitted on a grid with the two others maximised, on the likelihood of the master equation: the noise \
of a simulated one is larger than the drop that decides. Where the curve does not come down to the right, bursts may be \
instantaneous."""


def write_demo(demo: Demo, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Write `report.html`, figures (.png) and numbers (.nc) of every gene into a folder, which is made if need be.

    Returns:
        Names of the files: `report`, `figures`, `results`.

    Raises:
        InputError: the folder cannot be made.
        UnsupportedError: what draws figures or writes netCDF is not installed.
    """
    from jumpax import plots
    from jumpax.results import Section, save, write_report

    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError(f"the folder {place} cannot be made: {fault.strerror}") from fault
    about = _ABOUT.format(paths=demo.settings["paths"], settle=SETTLE)
    sections, figures, files = [Section("Bursts of transcription", about, found_table(demo))], [], []
    for gene in demo.genes:
        drawn = {
            "distribution": distribution_figure(gene), "convergence": convergence_figure(gene),
            "k_off": profile_figure(gene),
        }  # fmt: skip
        figures += [
            str(plots.save_figure(figure, place / f"{gene.name}_{kind}.png", gene.fit.provenance))
            for kind, figure in drawn.items()
        ]
        labelled = gene.fit.labelled().beside(gene.k_off.labelled())
        files.append(str(save(labelled, place / f"{gene.name}.nc", settings={"gene": gene.name})))
        sections.append(Section(gene.name, _words(gene), figures=dict(zip(_CAPTIONS, drawn.values(), strict=True))))
    settings = {**demo.settings, **(demo.genes[0].fit.provenance if demo.genes else {})}
    report = write_report(place / "report.html", "Bursts of transcription in circadian genes", sections,
                          provenance=settings)  # fmt: skip
    return {"report": str(report), "figures": figures, "results": files}


_CAPTIONS = (
    "Counts per cell, the simulated law at the fit, and the exact law at its maximum. Left: linear; right: logarithmic, "
    "with bins that widen.",
    "The fit step by step: loss with its standard error, and the two parameters; dashed: exact. The loss of one step lies "
    "above the exact one, for the logarithm of a noisy histogram is low on average; the gradient feels next to nothing of "
    "that.",
    "Profile likelihood of k_off.",
)


def found_table(demo: Demo) -> dict[str, list[str]]:
    """Columns of a table with a row for each number of each gene."""
    columns: dict[str, list[str]] = {name: [] for name in ("gene", "number", "fit", "exact", "off by, in s.e.")}
    for gene in demo.genes:
        off, exact = gene.deviations(), gene.exact.estimates
        rows = [(n.replace("_", " "), gene.fit.shown(n), f"{exact[n]:.4g}", _signed(off[n])) for n in FOUND]
        rows.append(("k_off", str(gene.k_off).removeprefix("k_off "), "", ""))
        for row in rows:
            for column, cell in zip(columns.values(), (gene.name, *row), strict=True):
                column.append(cell)
    return columns


def _signed(deviation: float | None) -> str:
    return "–" if deviation is None else f"{deviation:+.2f}"


def _words(gene: GeneFit) -> str:
    notes, place = gene.fit.notes, GENES[gene.name]
    text = f"{len(gene.counts):,} cells from {place.file}."
    if place.also_in:
        text += f" The gene is also in {place.also_in}, which has fewer cells and is not used."
    text += f"\n\n{gene.fit.reason[:1].upper()}{gene.fit.reason[1:]}, after {len(gene.fit.history.loss)} steps"
    text += f" with {gene.events:.2g} events, in {gene.fit.seconds:.1f} s."
    text += f" Smoothing: {notes['smoothing']}."
    text += "".join(f"\n\nWarning: {doubt}" for doubt in gene.fit.doubts.values())
    if gene.without is not None:
        shown = ", ".join(map(str, notes["unreached_counts"]))
        number = notes["unreached_cells"]
        rest = ", ".join(f"{n.replace('_', ' ')} {gene.without.estimates[n]:.4g}" for n in FOUND)
        text += (
            f"\n\nNo simulated path of the last evaluations reached the counts of {number} cell{'s' * (number > 1)} "
            f"({shown}): the smoothing law decides there. Such cells weigh heavily: without them the exact maximum would "
            f"lie at {rest}."
        )
    bound = f"Result: {gene.k_off}."
    if gene.k_off.lower is not None and gene.k_off.lower > gene.fit.estimates["k_off"]:
        ends = ", ".join(f"{n.replace('_', ' ')} {gene.k_off.others[n][-1]:.4g}" for n in FOUND)
        bound += (
            f" The value at which it is fixed lies below: shorter bursts explain these counts better. With bursts of no "
            f"duration the most likely values are {ends}."
        )
    return f"{text}\n\n{_BOUND}\n\n{bound}"
