"""Which files of a folder are read, and why others are not: `python benchmarks/reading.py FOLDER`.

Files of SBML, Antimony, BioNetGen, and PEtab problems (their models; with `--petab` the problems), whoever wrote them. Refusals are
counted by reason, without names and numbers; each file has a time limit.
"""

import argparse
import json
import multiprocessing
import re
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

SUFFIXES = (".xml", ".sbml", ".ant", ".net", ".bngl")
YAML = (".yaml", ".yml")


def files(folder: Path) -> list[Path]:
    """Model files; of a folder with PEtab problems the models that these name."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    named = {
        (problem.parent / name).resolve()
        for problem in folder.rglob("*.y*ml")
        for name in re.findall(r"^\s*(?:-\s*)?(?:sbml_files\s*:\s*\[?\s*|location\s*:\s*|-\s*)[\"']?([\w./-]+\.(?:xml|sbml|ant|net|bngl))", problem.read_text(), re.M)
    }  # fmt: skip
    return [path for path in found if path.resolve() in named] if named else found


def problems(folder: Path) -> list[Path]:
    """PEtab problems: files of YAML that name tables."""
    found = sorted(path for path in folder.rglob("*.y*ml") if path.is_file())
    return [path for path in found if "measurement_files" in path.read_text()]


def reasons(message: str) -> list[str]:
    """The reasons of a refusal, without what is special to the file."""
    lines = [line[2:] for line in message.splitlines() if line.startswith("- ")] or [message.splitlines()[0]]
    return list(dict.fromkeys(map(_kind, lines)))


def _kind(reason: str) -> str:
    reason = re.sub(r"^.*?\.(?:xml|sbml|ant|net|bngl|ya?ml|tsv)\b", "FILE", reason)
    reason = re.sub(r"^line \d+: ", "", reason)
    reason = re.sub(r"'[^']*'", "NAME", reason)
    reason = re.sub(r"(?<![\w])[-+]?\d[\d,.]*(?:e[-+]?\d+)?", "#", reason)
    return reason[:160]


def _read(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    """A model."""
    import jumpax

    model = jumpax.read(path, **options)
    return {**_size(model), "notes": model.notes}


def _read_problem(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    """A PEtab problem."""
    import jumpax

    found = jumpax.read_petab(path, **options)
    return {**_size(found.model), "free": len(found.problem.free), "notes": found.notes}


def _size(model: Any) -> dict[str, Any]:
    """What a model has."""
    network = model.without_events
    return {
        "read": True,
        "species": len(network.species),
        "reactions": network.reaction_count,
        "events": len(model.events),
    }


def _work(pipe: Any, options: dict[str, Any]) -> None:
    """Read what comes, until nothing does."""
    import jumpax

    pipe.send(None)
    while (path := pipe.recv()) is not None:
        begin = time.perf_counter()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                answer = _read_problem(path, options) if path.suffix in YAML else _read(path, options)
            except jumpax.JumpaxError as fault:
                answer = {"read": False, "kind": type(fault).__name__, "message": str(fault)}
            except Exception as fault:
                answer = {"read": False, "kind": "FAULT OF JUMPAX", "message": f"{type(fault).__name__}: {fault}"}
        answer["warnings"] = [str(warning.message) for warning in told]
        pipe.send({**answer, "seconds": time.perf_counter() - begin})


class Reader:
    """A process that reads, and is replaced where it does not finish."""

    def __init__(self, limit: float, options: dict[str, Any]):
        self.limit, self.options = limit, options
        self._start()

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, other = spawn.Pipe()
        self.process = spawn.Process(target=_work, args=(other, self.options), daemon=True)
        self.process.start()
        other.close()
        self.pipe.recv()

    def read(self, path: Path) -> dict[str, Any]:
        """What became of a file."""
        self.pipe.send(path)
        try:
            if self.pipe.poll(self.limit):
                return self.pipe.recv()
            answer = {"kind": "TIME", "message": f"not read in {self.limit:g} s"}
        except EOFError:
            answer = {"kind": "CRASH", "message": "the process ended"}
        self.process.kill()
        self._start()
        return {"read": False, "warnings": [], "seconds": self.limit, **answer}


def survey(folder: Path, limit: float, options: dict[str, Any], petab: bool = False) -> dict[str, Any]:
    """All files, and counts of what became of them."""
    reader = Reader(limit, options)
    each = {str(p.relative_to(folder)): reader.read(p) for p in (problems if petab else files)(folder)}
    reader.pipe.send(None)
    refused = {name: answer for name, answer in each.items() if not answer["read"]}
    groups: dict[str, list[str]] = {}
    for name, answer in refused.items():
        for reason in reasons(answer["message"]):
            groups.setdefault(reason, []).append(name)
    return {
        "folder": str(folder),
        "options": options,
        "files": len(each),
        "read": len(each) - len(refused),
        "seconds": sum(answer["seconds"] for answer in each.values()),
        "alone": Counter(reasons(a["message"])[0] for a in refused.values() if len(reasons(a["message"])) == 1),
        "reasons": dict(sorted(groups.items(), key=lambda item: -len(item[1]))),
        "each": each,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="all of it as JSON")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one file")
    parser.add_argument("--round", action="store_true", help="read(..., round_counts=True)")
    parser.add_argument("--molecules-per-unit", type=float, help="read(..., molecules_per_unit=...)")
    parser.add_argument(
        "--petab", action="store_true", help="PEtab problems by read_petab(..., cells=1000), not their models"
    )
    parser.add_argument("--settle", type=float, help="read_petab(..., settle=...)")
    given = parser.parse_args()
    options: dict[str, Any] = {"round_counts": True} if given.round else {}
    if given.molecules_per_unit is not None:
        options["molecules_per_unit"] = given.molecules_per_unit
    if given.petab:
        options |= {"cells": 1000} if given.settle is None else {"cells": 1000, "settle": given.settle}
    made = survey(given.folder, given.limit, options, given.petab)
    if given.json:
        print(json.dumps(made, indent=1))
        return
    print(f"{made['read']} of {made['files']} files are read, in {made['seconds']:.1f} s")
    print("files   alone   reason")
    for reason, names in made["reasons"].items():
        print(f"{len(names):5d} {made['alone'][reason] or '':7}   {reason}   ({names[0]})")


if __name__ == "__main__":
    main()
