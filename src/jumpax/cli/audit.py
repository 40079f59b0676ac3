"""`jumpax audit`."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax.cli.models import AS_DECLARED, AmountOptions, Numbers, find_file, times_for
from jumpax.cli.output import Output, people, print_json, print_notes, print_table
from jumpax.cli.values import parse_limits
from jumpax.gradients import Audit, audit


def run(
    model: str,
    /,
    *,
    times: str | None = None,
    horizon: float | None = None,
    paths: int = 10_000,
    seed: int = 0,
    theta: Numbers = None,
    x0: list[str] | None = None,
    amounts: AmountOptions = AS_DECLARED,
    wrt: list[str] | None = None,
    precision: Literal["float32", "float64"] | None = None,
    limits: list[str] | None = None,
    save: Path | None = None,
    resume: Path | None = None,
    figure: Path | None = None,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Judge every gradient estimator on a model: bias, variance, cost.

    Args:
        model: A model of the zoo by name, or a file (TOML, SBML, Antimony, BioNetGen).
        times: When to look: first:last:step (both included) or 1,2,5. Default: the last time of the model.
        horizon: Instead of times: five of them up to this one, each twice the one before, to see how the variance grows
            with the length of the path.
        paths: For each estimator.
        seed: Of the random numbers.
        theta: Parameters, or counts at the start, as name=number; may be repeated.
        x0: Counts at the start, as name=number; may be repeated.
        amounts: How amounts of a file become counts.
        wrt: Parameters to differentiate with respect to, as name or name,name; may be repeated. Default: all.
        precision: Of times and propensities; float64 needs JAX_ENABLE_X64=1.
        limits: Largest counts for the master equation: one number, or name=number; may be repeated.
        save: Keep what is measured in this file, each estimator as soon as it is done; one that is there is replaced.
        resume: Go on from such a file, with everything else as it was; --save may name the same one.
        figure: Draw work, bias and growth to this file (.png, .svg, .pdf).
        output: How the answer is given.
    """
    chosen, file = find_file(model, theta or (), x0 or (), amounts=amounts)
    notes = () if file is None else file.notes
    if horizon is not None:
        if times is not None or not horizon > 0:
            raise InputError("--horizon is a positive number and takes the place of --times")
        stops = tuple(horizon / 2**k for k in range(4, -1, -1))
    else:
        stops = times_for(chosen, times) if times is not None else times_for(chosen, times)[-1:]
    if figure is not None:
        need("viz", "--figure")
        from jumpax import plots

        plots.check_target(figure)
    begin = time.perf_counter()
    bounds: Any = parse_limits(limits) if limits else None
    names = [name.strip() for word in wrt for name in word.split(",")] if wrt else None
    found = audit(
        chosen.network,
        chosen.theta,
        chosen.x0,
        stops,
        wrt=names,
        paths=paths,
        key=seed,
        precision=precision,
        limits=bounds,
        save=save,
        resume=resume,
    )
    document = {
        "command": "audit", "model": chosen.network.name, "theta": chosen.theta, "x0": chosen.x0, "times": stops,
        "paths": paths, "seed": seed, **found.to_dict(), "seconds": time.perf_counter() - begin, "files": {},
        "notes": notes,
    }  # fmt: skip
    if figure is not None:
        from jumpax import plots

        document["files"] = {"figure": str(plots.save_figure(plots.audit(found), figure, found.provenance))}
    if output.json:
        print_json(document)
    else:
        _show(found, document)


def _show(found: Audit, document: dict[str, Any]) -> None:
    print_table(
        f"{document['model']}: gradients at t = {document['times'][-1]:g}, {document['paths']:,} paths each",
        found.table(),
    )
    say = people().print
    say("cost: time over that of the plain paths. work: variance times cost over that of the first line, for the same")
    say("error. bias: where |z| > 4. tail: share of the largest path in the variance, where that is not to be trusted.")
    say(f"judged by: {found.reference}", soft_wrap=True)
    if len(document["times"]) > 1:
        _growth(found, document["times"])
    for name, why in found.refused.items():
        say(f"{name}: {why}", soft_wrap=True)
    say(f"auto: {found.chosen}", soft_wrap=True)
    print_notes(document["notes"])
    for what, file in document["files"].items():
        say(f"{what}: {file}", soft_wrap=True)


def _growth(found: Audit, times: tuple[float, ...]) -> None:
    columns: dict[str, list[str]] = {"estimator": list(found.against_time())}
    for place, stop in enumerate(times):
        columns[f"t = {stop:g}"] = [f"{row[place]:.2g}" for row in found.against_time().values()]
    print_table("relative standard deviation of one path's gradient, against time", columns)
