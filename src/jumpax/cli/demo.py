"""`jumpax demo`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jumpax._base.extras import need
from jumpax.cli.output import Output, people, print_json, print_table


def run(
    *,
    gene: list[str] | None = None,
    time: float | None = None,
    start: int = 0,
    seed: int = 0,
    paths: int = 24_000,
    out: Path = Path("jumpax-demo"),
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Fit bursty transcription to real counts of three genes, beside the exact answer, and write a report.

    Args:
        gene: Bmal1, Cry1 or Nr1d1; may be repeated. Default: all three.
        time: One time alone, in hours (29, for example). Default: all times pooled.
        start: Which of the three starting points, 0 to 2.
        seed: Of the random numbers.
        paths: Simulated per step.
        out: Folder for report.html, figures and numbers; made if need be.
        output: How the answer is given.
    """
    need("viz", "the report")
    need("io", "the numbers in netCDF")
    from jumpax.demo import GENES, run_demo
    from jumpax.demo.report import found_table, write_demo

    def tell(text: str) -> None:
        print(text, file=sys.stderr)

    watched = sys.stderr.isatty()
    demo = run_demo(
        gene or tuple(GENES), time_of_day=time, start=start, seed=seed, paths=paths, tell=tell, progress=watched
    )
    files = write_demo(demo, out)
    if output.json:
        print_json({"command": "demo", **demo.to_dict(), "files": files})
        return
    print_table("Bursts of transcription, per lifetime of the messenger; k_off fixed at 20", found_table(demo))
    people().print(f"report: {files['report']} ({demo.seconds:.0f} s)", soft_wrap=True)
