"""`jumpax infer`."""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from jumpax._base.errors import JumpaxWarning
from jumpax._base.extras import need
from jumpax.cli import template as templates
from jumpax.cli.models import AS_DECLARED, AmountOptions
from jumpax.cli.origin import origin
from jumpax.cli.output import Output, people, print_json, print_notes, print_table
from jumpax.cli.petab_file import AS_TOLD, TableOptions, read_believed
from jumpax.cli.record_file import RecordFile
from jumpax.cli.targets import check_seed, check_targets, write_targets
from jumpax.inference import Posterior, RecordProblem, posterior, smoothed


def run(
    problem: Path | None = None,
    /,
    *,
    template: Literal["records"] | None = None,
    seed: int | None = None,
    method: Literal["nuts", "mala", "pmmh"] | None = None,
    chains: int | None = None,
    draws: int | None = None,
    warm_up: int | None = None,
    particles: int | None = None,
    lag: int | None = None,
    max_events: int | None = None,
    limits: list[str] | None = None,
    tables: TableOptions = AS_TOLD,
    amounts: AmountOptions = AS_DECLARED,
    save: Path | None = None,
    resume: Path | None = None,
    out: Path | None = None,
    report: Path | None = None,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Draw the parameters of a model from their posterior, given records of single paths, or the tables of PEtab.

    Args:
        problem: A TOML file with the model (or the name of its file), [parameters] with priors, [records] and more; or the YAML
            file of a PEtab problem, which needs the master equation.
        template: Print a problem file to begin with, and do nothing else.
        seed: Of the random numbers; default that of the file, or 0.
        method: By the master equation (nuts) or by particle filters (mala, pmmh); default what fits.
        chains: How many.
        draws: Of each chain.
        warm_up: Steps before them.
        particles: Of each filter; default by the noise of the likelihood.
        lag: Of the slopes of filters, in records.
        max_events: Of one path between two records.
        limits: PEtab: largest counts that are followed: one number, or name=number; may be repeated.
        tables: What PEtab does not say.
        amounts: How amounts of a file become counts.
        save: Keep what was drawn so far in this file; one that is there is replaced.
        resume: Go on from such a file, with everything else as it was; --save may name the same one.
        out: Write the draws to this file: .nc as ArviZ reads it, .csv, .tsv or .parquet.
        report: Write a report with figures to this file (.html).
        output: How the answer is given.
    """
    if template is not None:
        templates.show(template, "infer", output)
        return
    problem = templates.given(problem, "infer")
    need("bayes", "jumpax infer")
    check_targets(out, report)
    asked = read_believed(problem, amounts, tables, limits or ())
    given = {
        "seed": seed, "method": method, "chains": chains, "draws": draws, "warm_up": warm_up, "particles": particles, "lag": lag,
        "max_events": max_events,
    }  # fmt: skip
    settings = {**asked.settings, **{name: value for name, value in given.items() if value is not None}}
    key = settings.pop("seed")
    check_seed(key)
    found = posterior(asked.problem, key=key, progress=sys.stderr.isatty(), save=save, resume=resume, **settings)
    for doubt in found.doubts.values():
        warnings.warn(doubt, JumpaxWarning, stacklevel=1)
    written = write_targets(
        out=(out, lambda file: found.save(file)),
        report=(report, lambda file: _report(problem, asked, found, key, settings.get("max_events"), file)),
    )
    if output.json:
        print_json({"command": "infer", "problem": str(problem), "seed": key, **found.to_dict(), **written._asdict()})
    else:
        _show(asked, found, written.files)
    written.end()


def _show(asked: RecordFile, found: Posterior, files: dict[str, str]) -> None:
    print_table(f"{asked.name}: posterior", found.table())
    for line in found.summary():
        people().print(line, soft_wrap=True)
    print_notes(asked.notes)
    for what, file in files.items():
        people().print(f"{what}: {file}", soft_wrap=True)


def _report(problem: Path, asked: RecordFile, found: Posterior, seed: int, max_events: int | None, file: Path) -> str:
    """Records, draws, table, model."""
    from jumpax import plots
    from jumpax.results import Section, write_report

    sections = []
    if isinstance(asked.problem, RecordProblem):
        more: dict[str, Any] = {} if max_events is None else {"max_events": max_events}
        behind = smoothed(asked.problem, found, key=seed, **more)
        told = (
            "Records, and between which numbers 90 % of them would lie, if they were repeated on the paths behind them."
        )
        sections.append(Section("Records", figures={told: plots.records(asked.problem, behind)}))
        networks = [asked.problem.network]
    else:
        networks = [part.network for part in asked.problem.parts.values()]
    drawn = {"Draws of the parameters, chain by chain, and their law.": plots.draws(found)}
    words = "\n\n".join(dict.fromkeys(network.describe() for network in networks))
    sections += [
        Section("Parameters", "\n\n".join(found.summary()), found.table(), drawn),
        Section("Model", "\n\n".join(asked.notes), verbatim=words),
    ]
    provenance = {**origin(problem), "seed": seed, **found.provenance}
    return str(write_report(file, f"Posterior of {asked.name}", sections, provenance=provenance))
