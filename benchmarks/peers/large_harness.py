"""What the scripts for large networks share: one process measures one tool on one `.net` file, and prints a line of JSON.

A script `large_<tool>.py` defines a class with

    Tool(file)                  reads the file
    .first(until)               draws one path to an early time, with all that is done once
    .prepare(until)             what is measured beforehand, such as the set-up of each path
    .run(until, paths, seed)    -> (events, ends): of each path, and its counts at the end or None
    .seconds()                  processor seconds spent on events so far, by a clock of its own choice

and ends with `main(Tool)`. The words of the command line are one JSON object: file, until, seconds, paths, and more.
"""

import contextlib
import json
import math
import sys

from harness import cpu_seconds, peak_mb

EARLY = 1e-9
"""Of the time of a path: up to there nothing happens, or nearly so."""


class AbstractTool:
    """What a tool is for the measurement."""

    version = ""

    def __init__(self, file):
        self.marks = {}

    def seconds(self):
        return cpu_seconds()

    def prepare(self, until):
        pass

    def mark(self, name):
        """Remember how much has been spent up to here."""
        self.marks[name] = cpu_seconds()


def rate(tool, asked):
    """Events and seconds of a run that takes about as long as asked; paths with a costly set-up are fewer."""
    paths, seed = 1, 1
    while True:
        begin, both = tool.seconds(), cpu_seconds()
        events, _ = tool.run(asked["until"], paths, seed)
        spent, both = max(tool.seconds() - begin, 1e-6), cpu_seconds() - both
        if max(spent, both / 2) > 0.6 * asked["seconds"] or paths >= asked["most"]:
            return {"events": sum(events), "seconds": spent, "paths": paths, "events_per_second": sum(events) / spent}
        seed += paths
        paths = min(asked["most"], math.ceil(paths * min(30.0, asked["seconds"] / max(spent, both / 2))))


def means(tool, asked):
    """Mean and variance of each count at the end, and of the number of events."""
    import numpy as np

    events, ends = tool.run(asked["until"], asked["means"], 7)
    both = np.concatenate([np.asarray(ends, float), np.asarray(events, float)[:, None]], 1)
    return {"mean": both.mean(0).tolist(), "variance": both.var(0, ddof=1).tolist(), "samples": len(both)}


def main(make, more=None):
    """Measure, and print."""
    asked = json.loads(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        tool = make(asked["file"])
        tool.mark("read")
        tool.first(asked["until"] * EARLY)
        tool.mark("first")
        found = {"version": tool.version, "start": tool.marks["first"], "marks": tool.marks}
        found["start_mb"] = max(peak_mb())
        tool.prepare(asked["until"] * EARLY)
        if asked.get("score"):
            found |= more(tool, asked)
        elif asked.get("means"):
            found |= means(tool, asked)
        else:
            found |= rate(tool, asked)
        found["peak_mb"] = tool.peak() if hasattr(tool, "peak") else peak_mb()[0]
    print(json.dumps(found), flush=True)
