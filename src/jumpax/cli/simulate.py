"""`jumpax simulate`."""

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax.cli.models import AS_DECLARED, AmountOptions, Numbers, find_file, times_for
from jumpax.cli.output import Output, people, print_json, print_notes
from jumpax.cli.sweep import Sweep, of_model
from jumpax.cli.targets import write_targets
from jumpax.cli.told import answer, document_of, summary
from jumpax.cli.values import parse_bound, parse_shard
from jumpax.engines import Paths, Plan, simulate
from jumpax.engines import plan as planned
from jumpax.engines.shard import shard_of
from jumpax.networks import Network
from jumpax.networks.zoo import Model


def run(
    model: str,
    /,
    *,
    times: str | None = None,
    start: float = 0.0,
    paths: int = 1000,
    seed: int = 0,
    shard: str | None = None,
    theta: Numbers = None,
    x0: list[str] | None = None,
    sweep: Path | None = None,
    amounts: AmountOptions = AS_DECLARED,
    engine: Literal["cpu", "gpu", "xla", "tables", "reference"] | None = None,
    precision: Literal["float32", "float64"] | None = None,
    threads: int | None = None,
    bound: str | None = None,
    max_events: int = 10_000_000,
    queue: int | None = None,
    at_once: int | None = None,
    save: Path | None = None,
    resume: Path | None = None,
    out: Path | None = None,
    figure: Path | None = None,
    plan: bool = False,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Draw exact paths of a model.

    Args:
        model: A model of the zoo by name, or a file (TOML, SBML, Antimony, BioNetGen).
        times: When to look: first:last:step (both included) or 1,2,5. Default: those of the model.
        start: Time at the start.
        paths: How many paths; of each row of --sweep.
        seed: Of the random numbers: the same seed gives the same paths.
        shard: Only part i of N of the paths, as i/N with i from 0 to N - 1; `jumpax merge` puts the files of --out together.
        theta: Parameters, or counts at the start, as name=number; may be repeated.
        x0: Counts at the start, as name=number; may be repeated.
        sweep: A table (text, with a head) whose columns are parameters, or species for their counts at the start: paths are drawn for
            each row.
        amounts: How amounts of a file become counts.
        engine: How paths are drawn.
        precision: Of times and propensities.
        threads: How many to run on; all cores by default where they help.
        bound: For rates that depend on time: a number that the total propensity never exceeds; or one for each interval that
            ends at a time, as 3,5,2. Default: found from the rate laws.
        max_events: Events after which a path is given up as exploding.
        queue: The most executions of an event with a delay that are under way at once on one path, up to 256. Default: 16.
        at_once: Draw so many paths at a time, and write them to --out part by part: for more paths than memory holds. To go on
            with one that was interrupted, --resume OUT.parts.
        save: Write the state of the run to this file on the way and at the end; for each thread beyond the first a file beside it.
        resume: Go on from such a file, with everything else as it was.
        out: Write all paths to this file: .nc (netCDF), .csv, .tsv, .parquet; .gdat (BioNetGen) of one path.
        figure: Draw the paths to this file (.png, .svg, .pdf).
        plan: Say what the run would take in time and memory; draw a few of its paths for that, and write no file.
        output: How the answer is given.
    """
    chosen, file = find_file(model, theta or (), x0 or (), amounts=amounts)
    notes = () if file is None else file.notes
    stops = times_for(chosen, times)
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed must be a whole number from 0 to 2^32 - 1; got {seed}")
    network = chosen.network if queue is None else _queued(chosen.network, queue)
    swept = None if sweep is None else Sweep.read(sweep, chosen, paths)
    values, begin_at = of_model(chosen, swept)
    part, total = parse_shard(shard), paths if swept is None else swept.paths
    _check_files(out, figure, total)
    settings = _settings(chosen, swept, seed)
    subject = network if file is None else dataclasses.replace(file, events=network.events)
    how: dict[str, Any] = {
        "times": stops, "start": start, "key": seed, "engine": engine, "precision": precision, "threads": threads, "bound": parse_bound(bound),
        "max_events": max_events, "round_counts": amounts.round_counts, "progress": sys.stderr.isatty(),
    }  # fmt: skip
    if plan:
        if at_once is not None or resume is not None:
            raise InputError("--plan tells of the whole run: leave out --at-once and --resume")
        how.pop("progress")
        _tell_plan(planned(subject, values, begin_at, paths=total, shard=part, **how), network.name, notes, output)
        return
    begin = time.perf_counter()
    if at_once is not None:
        from jumpax.results import stream

        place = _place_of_parts(out, resume, {"shard": shard, "sweep": sweep, "figure": figure, "save": save})
        told = stream(
            place, subject, values, begin_at, paths=paths, at_once=at_once, resume=resume is not None,
            settings=settings | {"model": network.describe()}, **how,
        )  # fmt: skip
        more = {"files": {"out": str(told.file)}, "unwritten": {}, "notes": notes}
        answer({**document_of(told, network, settings, time.perf_counter() - begin), **more}, output)
        return
    result = simulate(subject, values, begin_at, paths=total, shard=part, save=save, resume=resume, **how)
    seconds = time.perf_counter() - begin
    written = write_targets(
        out=(out, lambda file: _saved(result, chosen, settings, file)),
        figure=(figure, lambda file: _drawn(result, settings, file)),
    )
    document = {**document_of(summary(result), network, settings, seconds), **written._asdict(), "notes": notes}
    if swept is not None:
        document["rows"] = list(swept.results(result, shard_of(part, total).first))
    answer(document, output)
    written.end()


def _tell_plan(plan: Plan, name: str, notes: Sequence[str], output: Output) -> None:
    if output.json:
        print_json({"command": "simulate --plan", "model": name, **plan.to_dict(), "notes": notes})
    else:
        people().print(str(plan), markup=False, highlight=False)
        print_notes(notes)


def _place_of_parts(out: Path | None, resume: Path | None, others: dict[str, object]) -> Path:
    """Where paths are written part by part.

    Raises:
        InputError: options that do not go together.
    """
    if out is None:
        raise InputError("--at-once writes paths part by part: say where to, by --out FILE.nc")
    if wrong := [f"--{name}" for name, value in others.items() if value is not None]:
        raise InputError(
            f"--at-once does not go with {', '.join(wrong)}: leave it out, or draw --shard i/N without --at-once"
        )
    folder = out.with_name(out.name + ".parts")
    if resume is not None and resume.resolve() != folder.resolve():
        raise InputError(f"--at-once goes on from --resume {folder}, not {resume}")
    return out


def _queued(network: Network, queue: int) -> Network:
    """The network with so many places for what is under way of each event with a delay."""
    late = [event for event in network.events if event.delay is not None]
    if not late:
        raise InputError("--queue is for events with delays, and the model has none")
    return network.with_events(
        [dataclasses.replace(event, queue=queue) if event in late else event for event in network.events]
    )


def _check_files(out: Path | None, figure: Path | None, paths: int) -> None:
    """Refuse what cannot be written before any work is done."""
    if out is not None:
        from jumpax.results import check_target

        if check_target(out).suffix.lower() == ".gdat" and paths != 1:
            raise InputError(f"--out {out}: a .gdat file holds one path; give --paths 1, or another suffix")
    if figure is not None:
        need("viz", "--figure")
        from jumpax import plots

        plots.check_target(figure)


def _saved(result: Paths, model: Model, settings: dict[str, Any], file: Path) -> Path:
    """All paths."""
    from jumpax.results import save

    return save(result, file, settings={**settings, "model": model.network.describe()})


def _drawn(result: Paths, settings: dict[str, Any], file: Path) -> Path:
    """A picture of them."""
    from jumpax import plots

    return plots.save_figure(result.plot(), file, {**result.provenance, **settings})


def _settings(model: Model, swept: Sweep | None, seed: int) -> dict[str, Any]:
    """What is told beside the provenance; of parameters that are swept, nothing."""
    own = {} if swept is None else swept.rows
    theta, x0 = ({n: v for n, v in numbers.items() if n not in own} for numbers in (model.theta, model.x0))
    return {"seed": seed, "theta": theta, "x0": x0, "reference": model.reference}
