"""`jumpax plot`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jumpax._base.extras import need
from jumpax.cli.output import Output, people, print_json


def run(
    file: Path,
    *,
    out: Path | None = None,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Draw a saved result: paths with mean and band, data beside their fit, draws of a posterior, records, a profile, an audit.

    Args:
        file: What `--out FILE.nc` of a command, or `result.save("FILE.nc")`, has written.
        out: The figure (.png, .svg, .pdf). Default: beside the file, as .png.
        output: How the answer is given.
    """
    from jumpax.results import load

    need("viz", "drawing a figure")
    from jumpax import plots

    target = plots.check_target(file.with_suffix(".png") if out is None else out)
    data = load(file)
    written = plots.save_figure(plots.stored(data), target, {str(name): value for name, value in data.attrs.items()})
    if output.json:
        print_json({"command": "plot", "result": data.attrs["result"], "files": {"out": str(written)}})
        return
    people().print(f"a figure of the {data.attrs['result']} in {file}, written to {written}", soft_wrap=True)
