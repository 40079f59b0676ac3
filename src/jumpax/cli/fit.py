"""`jumpax fit`."""

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from jumpax._base.devices import Devices
from jumpax._base.errors import JumpaxWarning
from jumpax.cli import template as templates
from jumpax.cli.exits import Exit
from jumpax.cli.fit_report import networks_in_words, write_fit
from jumpax.cli.models import AS_DECLARED, AmountOptions
from jumpax.cli.origin import onward
from jumpax.cli.output import Output, people, print_json, print_notes, print_table
from jumpax.cli.petab_file import AS_TOLD, TableOptions, read_any
from jumpax.cli.problem_file import ProblemFile
from jumpax.cli.processes import joined, shared
from jumpax.cli.targets import check_seed, check_targets, write_targets
from jumpax.inference import Comparison, Conditions, FitResult, Profile, agreed, compare, profile, profiled
from jumpax.inference.fit import USUAL, quiet_fit
from jumpax.inference.resuming import resuming


def run(
    problem: Path | None = None,
    /,
    *,
    template: Literal["counts", "time_course", "conditions"] | None = None,
    seed: int | None = None,
    starts: int | None = None,
    budget: int | None = None,
    profiles: bool = False,
    devices: Devices = "one",
    tables: TableOptions = AS_TOLD,
    amounts: AmountOptions = AS_DECLARED,
    save: Path | None = None,
    resume: Path | None = None,
    out: Path | None = None,
    report: Path | None = None,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Find the parameters of a model from data.

    Args:
        problem: A TOML file with the model (or the name of its file), [parameters], [data] and more; or the YAML file of a
            PEtab problem.
        template: Print a problem file to begin with, and do nothing else.
        seed: Of the random numbers; default that of the file, or 0.
        starts: How many starting points; default that of the file, or 1.
        budget: Most paths of a search of all boxes; default that of the file, or none.
        profiles: 95 % intervals from the profile likelihoods of all free parameters: the others are fitted again at each value.
        devices: Among which paths are divided: one; or all, those of other processes too, which srun, mpirun or Kubernetes starts
            with this command. The first of them answers.
        tables: What PEtab does not say.
        amounts: How amounts of a file become counts.
        save: Keep what is simulated in this file, as soon as it is, with profiles and comparisons; one that is there is replaced.
        resume: Go on from such a file, with everything else as it was; --save may name the same one. Profiles may be asked for then.
        out: Write the estimates to this file: .nc (netCDF, with the history), .csv, .tsv or .parquet.
        report: Write a report with figures to this file (.html).
        output: How the answer is given.
    """
    if template is not None:
        templates.show(template, "fit", output)
        return
    problem = templates.given(problem, "fit")
    check_targets(out, report)
    first = joined(devices)
    asked = read_any(problem, amounts, tables)
    asked = asked._replace(problem=shared(asked.problem, devices))
    given = {"starts": starts, "budget": budget}
    settings = {**asked.settings, **{name: value for name, value in given.items() if value is not None}}
    key = settings.pop("seed") if seed is None else seed
    settings.pop("seed", None)
    check_seed(key)
    with resuming(asked.problem, "fit", {**USUAL, "key": key, **settings}, save, resume):
        found, compared = _fitted(asked, profiles, key, settings, first and sys.stderr.isatty())
    if not first:
        return
    written = write_targets(
        out=(out, lambda file: _saved(asked, found, key, file)),
        report=(report, lambda file: write_fit(file, problem, asked, found, compared, key)),
    )
    if output.json:
        print_json(
            {
                "command": "fit",
                "problem": str(problem),
                "seed": key,
                **(told := found.to_dict()),
                **({} if (bound := _bound(asked, found)) is None else {"profile": bound.to_dict()}),
                **({} if compared is None else {"comparison": compared.to_dict()}),
                **written._asdict(),
                "notes": {**told["notes"], "model": asked.notes},
            }
        )
    else:
        _show(asked, found, compared, written.files)
    if found.interrupted:
        print(f"jumpax: interrupted{onward()}", file=sys.stderr)
        raise SystemExit(int(Exit.INTERRUPTED))
    written.end()


def _fitted(
    asked: ProblemFile, profiles: bool, key: int, settings: dict[str, Any], progress: bool
) -> tuple[FitResult, Comparison | None]:
    """The fit, and what the file compares."""
    found = quiet_fit(asked.problem, key=key, progress=progress, **settings)
    if profiles or asked.profile is not None:
        settings = {name: value for name, value in settings.items() if name not in ("starts", "budget")}
        found = _with_profiles(asked, found, profiles, key, settings)
    for doubt in found.doubts.values():  # not before, for a profile may settle one
        warnings.warn(doubt, JumpaxWarning, stacklevel=1)
    return found, None if found.interrupted else _compared(asked, key, settings)


def _with_profiles(
    asked: ProblemFile, found: FitResult, profiles: bool, key: int, settings: dict[str, Any]
) -> FitResult:
    """The fit with the profiles of all free parameters, and with that of the file."""
    if profiles and not found.interrupted:
        found = profiled(asked.problem, found, key=key, **settings)
    if asked.profile is None or found.interrupted:
        return found
    wanted = dict(asked.profile)
    source = wanted.pop("source")
    start = {name: found.estimates[name] for name in asked.problem.free}
    there = asked.problem.resuming(start).drawing(lambda _: source)
    try:
        return agreed(asked.problem, found, profile(there, **wanted, key=key, **settings))
    except KeyboardInterrupt:  # the fit is there
        return dataclasses.replace(found, interrupted=True)


def _bound(asked: ProblemFile, found: FitResult) -> Profile | None:
    """The profile of the file."""
    return None if asked.profile is None else found.profiles.get(asked.profile["name"])


def _saved(asked: ProblemFile, found: FitResult, seed: int, file: Path) -> Path:
    """All that the fit knows, and what was asked."""
    from jumpax.results import save

    return save(found, file, settings={"seed": seed, "model": networks_in_words(asked.problem)})


def _compared(asked: ProblemFile, key: int, settings: dict[str, Any]) -> Comparison | None:
    """Which parameters differ, if the file asks."""
    if asked.compare is None or not isinstance(asked.problem, Conditions):
        return None
    wanted = dict(asked.compare)
    tested = wanted.pop("parameters", None)
    kept = [name for name in asked.problem.own if tested is not None and name not in tested]
    more = {name: value for name, value in settings.items() if name != "starts"}
    return compare(asked.problem.problems, tested, own=kept, key=key, **wanted, **more)


def _show(asked: ProblemFile, found: FitResult, compared: Comparison | None, files: dict[str, str]) -> None:
    print_table(f"{asked.name}: estimates ± standard errors", found.table())
    for line in found.summary():
        people().print(line, soft_wrap=True)
    for one in found.profiles.values():
        people().print(f"profile: {one}", soft_wrap=True)
    if compared is not None:
        print_table(f"{asked.name}: which parameters differ", compared.table())
        people().print(compared.summary(), soft_wrap=True)
    print_notes(asked.notes)
    for what, file in files.items():
        people().print(f"{what}: {file}", soft_wrap=True)
