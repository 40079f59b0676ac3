"""What `jumpax check` says of networks that run on tables: their size, and what they cost to start and for each event."""

import sys
import time
from typing import Any

import numpy as np

from jumpax._base.types import Precision
from jumpax.engines import simulate
from jumpax.engines.tables.layout import Layout, layout_of
from jumpax.networks import Network
from jumpax.networks.zoo import Model

_SECONDS, _MOST_EVENTS = 0.3, 100_000_000


def tables(network: Network, seconds: dict[str, float]) -> dict[str, Any]:
    """The layout of a network: how large it is, and what an event touches, as means over its reactions.

    Args:
        network: one that runs on tables.
        seconds: what has been spent on it so far.
    """
    layout = layout_of(network)
    touched = np.diff(layout.tables.starts, axis=0).mean(0).tolist()
    return {
        "terms": layout.terms - len(layout.laws),
        "constants": len(layout.constants),
        "other_laws": len(layout.laws),
        "sums": layout.sums,
        "levels": layout.levels,
        "per_event": dict(zip(("counts", "sums", "propensities", "nodes"), touched, strict=True)),
        "seconds": seconds,
        "bytes": {"tables": sum(array.nbytes for array in layout.tables), "path": _path(layout)},
    }


def _path(layout: Layout) -> int:
    """Bytes of a path in flight: counts, sums, and propensities with their constants."""
    return 4 * (layout.species + 1) + 8 * (layout.sums + layout.nodes + layout.terms)


def speed(model: Model, precision: Precision) -> dict[str, Any]:
    """Seconds to the first event once tables are there, and events per second of one path after the other on one thread."""

    def measure(steps: int, paths: int) -> tuple[int, float]:
        begin = time.perf_counter()
        made = simulate(
            model.network, model.theta, model.x0, steps=[steps], paths=paths, key=0, precision=precision, threads=1,
            throw=False,
        )  # fmt: skip
        return int(made.events.sum()), time.perf_counter() - begin

    _, first = measure(1, 1)
    steps, paths = 10_000, 1
    events, seconds = measure(steps, paths)
    while seconds < _SECONDS and 0 < events < _MOST_EVENTS:
        if events < steps * paths:  # paths end early: more of them
            paths *= 4
        else:
            steps *= 4
        events, seconds = measure(steps, paths)
    return {
        "compile_seconds": first,
        "events_per_second": events / seconds if events else None,
        "events": events,
        "seconds": seconds,
        "paths": paths,
        "why": "one thread, one path after the other",
    }


def peak() -> int | None:
    """The peak of resident memory of this process, in bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def rows(model: dict[str, Any]) -> dict[str, str]:
    """What is shown to people."""
    made = model["tables"]
    event, size, spent = made["per_event"], made["bytes"], dict(made["seconds"])
    if model["speed"]:
        spent["the first event"] = model["speed"]["compile_seconds"]
    peak = [] if made["peak"] is None else [f"{_bytes(made['peak'])} at most in this process so far"]
    return {
        "size": f"{model['species']:,} species, {model['reactions']:,} reactions, {model['parameters']:,} parameters",
        "layout": f"{made['terms']:,} terms of {made['constants']:,} constants; other laws: {made['other_laws']:,}; "
        f"{made['sums']:,} sums; a tree of {made['levels']} levels",
        "start": ", ".join(f"{seconds:.2f} s for {what}" for what, seconds in spent.items()),
        "per event": f"{event['counts']:.1f} counts, {event['sums']:.1f} sums, {event['propensities']:.1f} propensities, "
        f"{event['nodes']:.1f} nodes of the tree (means over reactions)",
        "memory": "; ".join(
            [f"{_bytes(size['tables'])} of tables", f"{_bytes(size['path'])} for a path in flight", *peak]
        ),
    }


def _bytes(size: float) -> str:
    """Bytes for people."""
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e3:.3g} kB"
