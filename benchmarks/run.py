"""Benchmarks: `python benchmarks/run.py kernels|start|peers|gradients|trust|calls|gpu|vector|large|many|table|picture [--json] [--tiny] [--out FILE]`.

kernels   events per CPU second of jumpax's loops on one core: model x precision x fold
start     a fresh process up to its first result: import, simulate, score, automatic gradient, fit, `jumpax simulate`, with
          empty caches and full ones; beside bngsim and GillesPy2
peers     jumpax beside bioscrape, COPASI and rebop, each in its own environment (made on demand under --venvs)
gradients work and bias of every gradient estimator, and of the automatic choice, against exact gradients
trust     the automatic gradient on twenty networks that it was not tuned on (--only NAME..., --calls, --paths)
calls     what one call for values and gradient costs, few paths and many, on all cores
gpu       everything about the gpu engine on the GPU of this machine, written to FILE after each
          section (--only SECTION for one of them); without a GPU, the same in tiny size on the processor
vector    events and images per CPU second of a family of 532 reactions, forward and with gradients
large     networks of hundreds to tens of thousands of reactions: start, events per CPU second, memory, and the score of all
          constants, beside bngsim and BioNetGen; a ring and rules are made, .net files are found in the folders of --models
many      many paths: a sweep of parameter sets, processes that share paths, 10^9 paths to a histogram, 10^7 with 100 stops to a
          file; time and peak memory (--only NAME...)
table     the tables of docs/performance.md and docs/gradients/choosing.md from the files in benchmarks/results; that of large
          networks is written there
picture   bars from the same files, as docs/figures/kernels.png and peers.png

Events are counted as fired; CPU time; median of repetitions; one core (but for calls and many), so that no tool gains by threads.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path


def one_core() -> None:
    """Keep this process and its children on one core; before JAX starts, so that its thread pool has one thread too."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def hardware() -> dict:
    """What the numbers were measured on."""
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what",
        choices=[
            "kernels",
            "start",
            "peers",
            "gradients",
            "trust",
            "calls",
            "gpu",
            "vector",
            "large",
            "many",
            "table",
            "picture",
        ],
    )
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON list on standard output")
    parser.add_argument("--tiny", action="store_true", help="a few cells in seconds, to see that it works")
    parser.add_argument("--out", type=Path, help="also write rows with hardware and versions to this file")
    parser.add_argument(
        "--only",
        nargs="+",
        help="gpu: one section, rows, chi_square, beside or tuning; trust, large: networks; many: measurements",
    )
    parser.add_argument("--calls", type=int, default=20, help="trust: calls for each network")
    parser.add_argument("--paths", type=int, default=20_000, help="trust: paths of each call")
    parser.add_argument("--models", type=Path, nargs="+", default=[], help="large: folders with .net files")
    parser.add_argument(
        "--venvs", type=Path, default=Path(__file__).parent / ".venvs", help="where peers are installed"
    )
    arguments = parser.parse_args()
    if arguments.what == "table":
        import table

        print(table.tables())
        table.write_large()
        return
    if arguments.what == "picture":
        import picture

        print(*picture.draw(), sep="\n")
        return

    def tell(line: str) -> None:
        print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    if arguments.what == "gpu":
        import gpu

        made = gpu.run(arguments.tiny, arguments.only and arguments.only[0], arguments.out, tell)
        print(json.dumps(made["rows"] if arguments.json else made["versions"]))
        return
    if arguments.what not in ("calls", "many"):
        one_core()
    if arguments.what == "kernels":
        import kernels

        rows = kernels.run(arguments.tiny, tell)
    elif arguments.what == "start":
        import start

        rows = start.run(arguments.tiny, arguments.venvs, tell)
    elif arguments.what == "gradients":
        import gradients

        rows = gradients.run(arguments.tiny, tell)
    elif arguments.what == "trust":
        import trust

        rows = trust.run(arguments.tiny, tell, arguments.only, arguments.calls, arguments.paths)
        if not (arguments.tiny or arguments.only or arguments.out):
            arguments.out = Path(__file__).parent / "results" / "trust.json"
    elif arguments.what == "calls":
        import calls

        rows = calls.run(arguments.tiny, tell)
    elif arguments.what == "vector":
        import vector

        rows = vector.run(arguments.tiny, tell)
    elif arguments.what == "large":
        import large

        rows = large.run(arguments.tiny, arguments.models, arguments.only or (), arguments.venvs, tell)
    elif arguments.what == "many":
        import many

        rows = many.run(arguments.tiny, arguments.only or (), tell)
    else:
        import peers_run

        rows = peers_run.run(arguments.tiny, arguments.venvs, tell)
    if arguments.json:
        print(json.dumps(rows))
    if arguments.out:
        import jax

        import jumpax  # noqa: F401

        made = {"date": datetime.now(UTC).isoformat(), "hardware": hardware(), "jax": jax.__version__, "rows": rows}
        arguments.out.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
