"""`jumpax protocol`."""

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from jumpax._base.errors import InputError
from jumpax.cli.output import Output, people, print_json, print_notes
from jumpax.cli.targets import check_seed, check_targets, write_targets
from jumpax.cli.told import document_of, show, summary
from jumpax.engines import Paths
from jumpax.importers import read_protocol


def run(
    model: Path,
    /,
    *,
    net: Path | None = None,
    paths: int = 1000,
    seed: int = 0,
    round_counts: Annotated[bool, Parameter(name="--round")] = False,
    engine: Literal["cpu", "gpu", "xla", "tables", "reference"] | None = None,
    precision: Literal["float32", "float64"] | None = None,
    threads: int | None = None,
    max_events: int = 10_000_000,
    out: Path | None = None,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Draw exact paths of the runs that the actions of a file of BioNetGen ask for, one after another.

    Args:
        model: A file of rules (.bngl) with actions such as simulate, setParameter, setConcentration, resetConcentrations.
        net: Its network (.net), where BioNetGen is not installed.
        paths: How many, of each run.
        seed: Of the random numbers: the same seed gives the same paths.
        round_counts: Round counts that are not whole.
        engine: How paths are drawn.
        precision: Of times and propensities.
        threads: How many to run on; all cores by default where they help.
        max_events: Events after which a path is given up as exploding.
        out: Write all paths to files of this name with that of the run in it, one for each run: paths.nc gives paths_RUN.nc; .csv,
            .tsv, .parquet; .gdat (BioNetGen) of one path.
        output: How the answer is given.
    """
    check_targets(out, None)
    check_seed(seed)
    if out is not None and out.suffix.lower() == ".gdat" and paths != 1:
        raise InputError(f"--out {out}: a .gdat file holds one path; give --paths 1, or another suffix")
    protocol = read_protocol(model, net=net, round_counts=round_counts)
    documents, runs, begin = [], {one.name: one for one in protocol.runs}, time.perf_counter()
    drawn = protocol.drawn(
        paths=paths, key=seed, engine=engine, precision=precision, threads=threads, max_events=max_events,
        progress=sys.stderr.isatty(),
    )  # fmt: skip
    missing = None
    for name, result in drawn:
        seconds, begin = time.perf_counter() - begin, time.perf_counter()
        known = runs[name].model
        settings = {"seed": seed, "theta": known.theta, "follows": runs[name].follows, "reference": known.reference}
        written = write_targets(
            out=(_own(out, name), lambda file, result=result, own=settings: _saved(result, own, file))
        )
        missing = written if written.unwritten else missing
        document = document_of(summary(result), known.network, settings, seconds)
        documents.append({**document, **written._asdict(), "command": "protocol", "run": name, "notes": ()})
        if not output.json:
            people().print(str(runs[name]), soft_wrap=True)
            show(documents[-1])
    if output.json:
        print_json({"command": "protocol", "model": str(model), "runs": documents, "notes": protocol.notes})
    else:
        print_notes(protocol.notes)
    if missing is not None:
        missing.end()


def _own(out: Path | None, name: str) -> Path | None:
    """The file of one run."""
    safe = re.sub(r"[^-\w.]", "_", name)
    return out and out.with_name(f"{out.stem}_{safe}{out.suffix}")


def _saved(result: Paths, settings: Mapping[str, Any], file: Path) -> Path:
    """All paths of one run."""
    from jumpax.results import save

    return save(result, file, settings=settings)
