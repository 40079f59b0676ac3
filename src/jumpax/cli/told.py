"""What commands that draw paths tell of them."""

from collections import Counter
from typing import Any

import numpy as np

from jumpax._base.status import Status
from jumpax.cli.output import Output, people, print_json, print_notes, print_table
from jumpax.cli.sweep import show_rows
from jumpax.engines import Paths
from jumpax.networks import Network
from jumpax.results.streamed import Streamed


def summary(result: Paths) -> Streamed:
    """Paths in few numbers."""
    several = len(result.status) > 1
    mean, variance = result.mean(), result.variance() if several else np.full(result.counts.shape[1:], np.nan)
    return Streamed(
        None, result.species, result.stops, len(result.status), mean, variance, Counter(map(int, result.status)),
        int(result.events.sum(dtype=np.int64)), int(result.redrawn.sum()), dict(result.provenance),
    )  # fmt: skip


def document_of(found: Streamed, network: Network, settings: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What is printed: moments with the standard error of the mean, how the paths ended, provenance."""
    error = np.sqrt(found.variance / found.paths)
    return {
        "command": "simulate",
        "model": network.name,
        "paths": found.paths,
        **settings,
        "times": found.stops,
        "mean": dict(zip(found.species, found.mean.T)),
        "standard_error": dict(zip(found.species, error.T)),
        "variance": dict(zip(found.species, found.variance.T)),
        "status": {Status(code).name: many for code, many in found.status.items()},
        "redrawn_in_float64": found.redrawn,
        "events": found.events,
        "seconds": seconds,
        "units": network.units,
        "provenance": found.provenance,
    }


def answer(document: dict[str, Any], output: Output) -> None:
    """Print it."""
    if output.json:
        print_json(document)
    else:
        show(document)


def show(document: dict[str, Any]) -> None:
    """The same for people: a table, and how the paths ended."""
    if "rows" in document:
        show_rows(document["model"], document["rows"], document["times"])
    else:
        _show_times(document)
    _show_ends(document)


def _show_times(document: dict[str, Any]) -> None:
    """Means at all times."""
    unit = document["units"].get("time", "")
    columns: dict[str, Any] = {f"time ({unit})" if unit else "time": [f"{t:g}" for t in document["times"]]}
    for name, mean in document["mean"].items():
        spread = np.sqrt(document["variance"][name])
        columns[name] = [f"{m:.4g} ± {s:.2g}" if np.isfinite(s) else f"{m:.4g}" for m, s in zip(mean, spread)]
    print_table(f"{document['model']}: mean ± standard deviation of {document['paths']:,} paths", columns)


def _show_ends(document: dict[str, Any]) -> None:
    """How paths ended, notes and files."""
    ends = ", ".join(f"{count:,} {name.lower()}" for name, count in document["status"].items())
    people().print(f"{document['events']:,} events in {document['seconds']:.2f} s with compilation; paths: {ends}")
    print_notes(document["notes"])
    if again := document["redrawn_in_float64"]:
        people().print(f"{again:,} of the paths were drawn again in float64, since float32 could not follow them")
    for what, file in document["files"].items():
        people().print(f"{what}: {file}", soft_wrap=True)
