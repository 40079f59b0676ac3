"""`jumpax simulate`."""

import dataclasses
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax._base.status import Status
from jumpax.cli.models import AS_DECLARED, AmountOptions, find_file, times_for
from jumpax.cli.output import Output, people, print_json, print_notes, print_table
from jumpax.cli.targets import write_targets
from jumpax.cli.values import parse_bound, parse_shard
from jumpax.engines import Paths, simulate
from jumpax.networks import Network
from jumpax.networks.zoo import Model


def run(
    model: str,
    /,
    *,
    times: str | None = None,
    paths: int = 1000,
    seed: int = 0,
    shard: str | None = None,
    theta: list[str] | None = None,
    x0: list[str] | None = None,
    amounts: AmountOptions = AS_DECLARED,
    engine: Literal["cpu", "gpu", "xla", "tables", "reference"] | None = None,
    precision: Literal["float32", "float64"] | None = None,
    threads: int | None = None,
    bound: str | None = None,
    max_events: int = 10_000_000,
    queue: int | None = None,
    save: Path | None = None,
    resume: Path | None = None,
    out: Path | None = None,
    figure: Path | None = None,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Draw exact paths of a model.

    Args:
        model: A model of the zoo by name, or a file (TOML, SBML, Antimony, BioNetGen).
        times: When to look: first:last:step (both included) or 1,2,5. Default: those of the model.
        paths: How many paths.
        seed: Of the random numbers: the same seed gives the same paths.
        shard: Only part i of N of the paths, as i/N with i from 0 to N - 1; `jumpax merge` puts the files of --out together.
        theta: Parameters, as name=number; may be repeated.
        x0: Counts at the start, as name=number; may be repeated.
        amounts: How amounts of a file become counts.
        engine: How paths are drawn.
        precision: Of times and propensities.
        threads: How many to run on; all cores by default where they help.
        bound: For rates that depend on time: a number that the total propensity never exceeds; or one for each interval that
            ends at a time, as 3,5,2. Default: found from the rate laws.
        max_events: Events after which a path is given up as exploding.
        queue: The most executions of an event with a delay that are under way at once on one path, up to 256. Default: 16.
        save: Write the state of the run to this file on the way and at the end; for each thread beyond the first a file beside it.
        resume: Go on from such a file, with everything else as it was.
        out: Write all paths to this file: .nc (netCDF), .csv, .tsv, .parquet; .gdat (BioNetGen) of one path.
        figure: Draw the paths to this file (.png, .svg, .pdf).
        output: How the answer is given.
    """
    chosen, file = find_file(model, theta or (), x0 or (), amounts=amounts)
    notes = () if file is None else file.notes
    stops = times_for(chosen, times)
    _check_files(out, figure, paths)
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed must be a whole number from 0 to 2^32 - 1; got {seed}")
    network = chosen.network if queue is None else _queued(chosen.network, queue)
    begin = time.perf_counter()
    result = simulate(
        network, chosen.theta, chosen.x0, times=stops, paths=paths, key=seed, shard=parse_shard(shard), engine=engine,
        precision=precision, threads=threads, bound=parse_bound(bound), max_events=max_events,
        progress=sys.stderr.isatty(), save=save, resume=resume,
    )  # fmt: skip
    if file is not None:
        result = result.with_observables(file.observed(chosen.theta))
    seconds = time.perf_counter() - begin
    settings = {"seed": seed, "theta": chosen.theta, "x0": chosen.x0, "reference": chosen.reference}
    written = write_targets(
        out=(out, lambda file: _saved(result, chosen, settings, file)),
        figure=(figure, lambda file: _drawn(result, settings, file)),
    )
    document = {**document_of(result, chosen.network, settings, seconds), **written._asdict(), "notes": notes}
    if output.json:
        print_json(document)
    else:
        show(document)
    written.end()


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


def document_of(result: Paths, network: Network, settings: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What is printed: moments with the standard error of the mean, how the paths ended, provenance."""
    several = len(result.status) > 1
    mean, variance = result.mean(), result.variance() if several else np.full(result.counts.shape[1:], np.nan)
    error = np.sqrt(variance / len(result.status))
    ends = Counter(Status(int(code)).name for code in result.status)
    return {
        "command": "simulate",
        "model": network.name,
        "paths": len(result.status),
        **settings,
        "times": result.stops,
        "mean": dict(zip(result.species, mean.T)),
        "standard_error": dict(zip(result.species, error.T)),
        "variance": dict(zip(result.species, variance.T)),
        "status": dict(ends),
        "redrawn_in_float64": int(result.redrawn.sum()),
        "events": int(result.events.sum(dtype=np.int64)),
        "seconds": seconds,
        "units": network.units,
        "provenance": dict(result.provenance),
    }


def show(document: dict[str, Any]) -> None:
    """The same for people: a table, and how the paths ended."""
    unit = document["units"].get("time", "")
    columns: dict[str, Any] = {f"time ({unit})" if unit else "time": [f"{t:g}" for t in document["times"]]}
    for name, mean in document["mean"].items():
        spread = np.sqrt(document["variance"][name])
        columns[name] = [f"{m:.4g} ± {s:.2g}" if np.isfinite(s) else f"{m:.4g}" for m, s in zip(mean, spread)]
    print_table(f"{document['model']}: mean ± standard deviation of {document['paths']:,} paths", columns)
    ends = ", ".join(f"{count:,} {name.lower()}" for name, count in document["status"].items())
    people().print(f"{document['events']:,} events in {document['seconds']:.2f} s with compilation; paths: {ends}")
    print_notes(document["notes"])
    if again := document["redrawn_in_float64"]:
        people().print(f"{again:,} of the paths were drawn again in float64, since float32 could not follow them")
    for what, file in document["files"].items():
        people().print(f"{what}: {file}", soft_wrap=True)
