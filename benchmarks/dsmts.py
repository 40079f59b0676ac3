"""The stochastic cases of the SBML test suite: `python benchmarks/dsmts.py FOLDER [--engine E] [--precision P] [--json] [--out]`.

FOLDER holds case folders such as 00001, each with models, `-settings.txt` and `-results.csv`. With n runs, mean m and standard
deviation s, and the table's mu and sigma, at every time:

    Z = sqrt(n) (m - mu) / sigma            Y = sqrt(n / 2) (s^2 / sigma^2 - 1)

The rule of the suite is |Z| < 3, |Y| < 5, and exact where sigma is 0. But Y has variance (kurtosis - 1) / 2, not 1, and there are
thousands of Z, so that a perfect simulator leaves these limits in some case nearly always. The rule here has two stages:

    1  n = 10,000 (--paths): nothing outside the limits of the suite: pass. Not exact where sigma is 0: fail.
    2  else, with another seed and ten times the runs: pass if |Z| < 4 and |Y| / sqrt((kurtosis - 1) / 2) < 5 everywhere.

The kurtosis is that of the exact law (dsmts_laws.py), or of the sample for cases whose law is not there. A faultless simulator fails
some of the 39 cases in about 1 % of fresh attempts. Seeds follow from case, engine, precision and stage; there is no third run.

--like OTHER asks something else: whether both engines draw the same paths, count by count, as many as have some 40,000 events together. So
the law of `reference`, which is a thousand times slower, is that of an engine that the rule has judged.
"""

import argparse
import contextlib
import csv
import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

import jumpax
from dsmts_laws import exact

ENGINES, PRECISIONS = ("cpu", "xla", "reference"), ("float32", "float64")
Z_LIMIT, Y_LIMIT = 4.0, 5.0  # of stage 2
ROOM = 20_000  # paths at a time
SAME, EVENTS = 20261130, 40_000  # of --like: the seed, and about how many events


@dataclass(frozen=True)
class Case:
    """What a case expects of each variable, over times."""

    name: str
    folder: Path
    times: np.ndarray
    outputs: tuple[tuple[str, str], ...]
    expected: dict[tuple[str, str], np.ndarray]
    limits: dict[str, tuple[float, float]]

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(variable for variable, _ in self.outputs))


def load(folder: Path) -> Case:
    """The case in a folder."""
    name = folder.name
    settings = dict(re.findall(r"^(\w+):[ \t]*(.*)$", (folder / f"{name}-settings.txt").read_text(), re.MULTILINE))
    with open(folder / f"{name}-results.csv", newline="") as file:
        head, *rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    columns = dict(zip(head, np.array(rows, float).T))
    outputs = tuple((v, k) for v, _, k in (x.strip().rpartition("-") for x in settings["output"].split(",")))
    start, duration, steps = (float(settings[key]) for key in ("start", "duration", "steps"))
    grid = np.linspace(start, start + duration, int(steps) + 1)
    if not np.allclose(columns["time"], grid):
        raise ValueError(f"{name}: the table is not on the grid of the settings")
    expected = {(v, kind): columns[f"{v}-{kind}"] for v in {v for v, _ in outputs} for kind in ("mean", "sd")}
    limits = {k: tuple(float(x) for x in settings[f"{k}Range"].strip("() ").split(",")) for k in ("mean", "sd")}
    return Case(name, folder, grid, outputs, expected, limits)


def model_file(case: Case, level: str) -> Path:
    """The model in the level and version asked for, or in another one if there is none."""
    files = sorted(case.folder.glob("*-sbml-*.xml"), reverse=True)
    return next((file for file in files if level in file.name), files[0])


class Sums:
    """Mean, standard deviation and kurtosis from parts of the runs."""

    def __init__(self, centre: np.ndarray):
        self.centre, self.n, self.powers = centre, 0, np.zeros((5, len(centre)))

    def add(self, values: np.ndarray) -> None:
        away = values.astype(np.float64) - self.centre
        self.n += len(values)
        self.powers += np.stack([(away**power).sum(0) for power in range(5)])

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        _, a, b, c, d = self.powers / self.n
        variance = b - a**2
        fourth = d - 4 * a * c + 6 * a**2 * b - 3 * a**4
        with np.errstate(all="ignore"):
            kurtosis = np.where(variance > 0, fourth / variance**2, np.nan)
        return self.centre + a, np.sqrt(np.maximum(variance, 0) * self.n / max(self.n - 1, 1)), kurtosis


def sample(case: Case, file: Path, paths: int, seed: int, engine: str, precision: str) -> dict[str, Sums]:
    """Sums over fresh runs."""
    model = jumpax.read(file)
    sums = {v: Sums(case.expected[v, "mean"]) for v in case.variables}
    for part, first in enumerate(range(0, paths, ROOM)):
        key = jax.random.fold_in(jax.random.key(seed), part)
        runs = jumpax.simulate(
            model, times=case.times, paths=min(ROOM, paths - first), key=key, engine=engine, precision=precision
        )
        counts = {name: runs[name] for name in runs.species}
        for variable in case.variables:
            if variable in counts:
                sums[variable].add(counts[variable])
            else:
                with jax.enable_x64(True):
                    sums[variable].add(np.asarray(model.observables[variable](counts)))
    return sums


def judge(case: Case, sums: dict[str, Sums], stage: int) -> dict:
    """The largest Z and Y, how many are outside the limits of the stage, and how many are not exact."""
    worst, outside, inexact = {"mean": 0.0, "sd": 0.0}, 0, 0
    for variable, kind in case.outputs:
        n = sums[variable].n
        mean, sd, kurtosis = sums[variable].moments()
        mu, sigma = case.expected[variable, "mean"], case.expected[variable, "sd"]
        fixed = sigma == 0
        safe = np.where(fixed, 1.0, sigma)
        if kind == "mean":
            value, low, high = (
                np.sqrt(n) * (mean - mu) / safe,
                *(case.limits[kind] if stage == 1 else (-Z_LIMIT, Z_LIMIT)),
            )
        else:
            value, low, high = np.sqrt(n / 2) * ((sd / safe) ** 2 - 1), *case.limits[kind]
            if stage == 2:
                with contextlib.suppress(KeyError, ValueError):  # else the kurtosis of the sample
                    kurtosis = exact(case.name)[variable][2]
                value, low, high = value / np.sqrt((np.where(fixed, 3.0, kurtosis) - 1) / 2), -Y_LIMIT, Y_LIMIT
        value = np.where(fixed, 0.0, value)
        outside += int((~((value > low) & (value < high))).sum())
        got, expected = (mean, mu) if kind == "mean" else (sd, sigma)
        inexact += int((fixed & (np.abs(got - expected) > 1e-9 * np.maximum(1, np.abs(expected)))).sum())
        worst[kind] = max(worst[kind], float(np.abs(value).max()))
    return {"Z": worst["mean"], "Y": worst["sd"], "outside": outside, "inexact": inexact}


def run(case: Case, arguments: argparse.Namespace) -> dict:
    """One row of the table."""
    begin, how = time.perf_counter(), (arguments.engine, arguments.precision)
    digits = re.sub(r"\D", "", case.name)
    seed = 1000 * int(digits or 0) + 100 * ENGINES.index(how[0]) + 10 * PRECISIONS.index(how[1])
    row = {"case": case.name, "engine": how[0], "precision": how[1], "verdict": "fail", "stages": []}
    try:
        file = model_file(case, arguments.level)
        for stage, paths in ((1, arguments.paths), (2, 10 * arguments.paths)):
            sums = sample(case, file, paths, seed + stage, *how)
            row["stages"].append({"stage": stage, "paths": paths, **judge(case, sums, stage)})
            last = row["stages"][-1]
            if last["inexact"] or not last["outside"]:
                row["verdict"] = "fail" if last["inexact"] else "pass"
                break
    except (jumpax.JumpaxError, KeyError) as fault:
        row["error"] = f"{type(fault).__name__}: {fault}"
    row["seconds"] = time.perf_counter() - begin
    return row


def follow(case: Case, arguments: argparse.Namespace) -> dict:
    """A row that says whether two engines draw the same paths."""
    begin = time.perf_counter()
    model = jumpax.read(model_file(case, arguments.level))
    how = {"times": case.times, "key": SAME, "precision": arguments.precision}
    pilot = jumpax.simulate(model, paths=20, engine=arguments.like, **how)
    paths = int(np.clip(EVENTS / max(pilot.events.mean(), 1), 2, 40))
    one, other = (
        jumpax.simulate(model, paths=paths, engine=name, **how) for name in (arguments.engine, arguments.like)
    )
    same = bool((one.counts == other.counts).all() and (one.events == other.events).all())
    return {
        "case": case.name, "engine": arguments.engine, "precision": arguments.precision, "verdict": "pass" if same else "fail",
        "like": arguments.like, "paths": paths, "events": int(one.events.sum()), "stages": [],
        "seconds": time.perf_counter() - begin,
    }  # fmt: skip


def show(row: dict) -> None:
    """One line."""
    if "like" in row:
        told = f"{row['paths']} paths, {row['events']:,} events, {'' if row['verdict'] == 'pass' else 'not '}those of {row['like']}"
        print(f"{row['case']}  {row['verdict']}  {row['seconds']:6.1f} s  {told}", file=sys.stderr, flush=True)
        return
    stages = "; ".join(
        f"n = {s['paths']}: |Z| {s['Z']:.2f}, |Y| {s['Y']:.2f}, {s['outside']} outside, {s['inexact']} not exact"
        for s in row["stages"]
    )
    print(
        f"{row['case']}  {row['verdict']}  {row['seconds']:6.1f} s  {row.get('error', stages)}",
        file=sys.stderr,
        flush=True,
    )


def rounded(value: object) -> object:
    """Numbers with four digits."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def keep(rows: list[dict], file: Path, paths: int) -> None:
    """Put rows into a file of results, in the place of those of the same case, engine and precision."""

    def place(row: dict) -> tuple[str, str, str]:
        return row["engine"], row["precision"], row["case"]

    old = json.loads(file.read_text()) if file.exists() else {"rows": []}
    table = {place(row): row for row in (*old["rows"], *rounded(rows))}
    file.write_text(json.dumps({"paths": paths, "rows": [table[key] for key in sorted(table)]}, indent=1) + "\n")


def main() -> int:
    """Run all cases of a folder; the exit status is 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", choices=ENGINES, default="cpu")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument(
        "--like", choices=ENGINES, help="compare paths with those of this engine, in the place of the rule"
    )
    parser.add_argument("--paths", type=int, default=10_000, help="runs of stage 1; stage 2 takes ten times as many")
    parser.add_argument("--level", default="l3v1", help="which of the files of a case")
    parser.add_argument("--cases", nargs="*", help="only these")
    parser.add_argument(
        "--out", type=Path, help="a JSON file whose rows of the same case, engine and precision are replaced"
    )
    parser.add_argument("--json", action="store_true", help="rows as one JSON list on standard output")
    arguments = parser.parse_args()
    folders = sorted(f for f in arguments.folder.iterdir() if (f / f"{f.name}-settings.txt").exists())
    rows = []
    for folder in folders:
        if arguments.cases is None or folder.name in arguments.cases:
            rows.append((run if arguments.like is None else follow)(load(folder), arguments))
            show(rows[-1])
    passed = sum(row["verdict"] == "pass" for row in rows)
    print(f"{passed} of {len(rows)} cases pass: {arguments.engine}, {arguments.precision}", file=sys.stderr)
    if arguments.out is not None:
        keep(rows, arguments.out, arguments.paths)
    if arguments.json:
        print(json.dumps(rows, indent=1))
    return 0 if rows and passed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
