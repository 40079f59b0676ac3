"""Reproductions of papers run, resume, and are judged by their expectations."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PAPERS = Path(__file__).parents[2] / "papers"
NAMES = sorted(path.parent.name for path in PAPERS.glob("*/expected.json"))
sys.path.insert(0, str(PAPERS))

from common.judge import judge, table  # noqa: E402
from common.store import Parts, write_json  # noqa: E402

QUICK = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
)
"""Tiny runs compile much and compute little: two thirds of the time."""


def run(*arguments: str) -> str:
    """What `papers/run.py` prints."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()
    made = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", str(PAPERS / "run.py"), *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, "MPLBACKEND": "Agg", "XLA_FLAGS": flags},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.mark.parametrize("paper", NAMES)
def test_tiny_run(paper, tmp_path):
    run(paper, "--tiny", "--out", str(tmp_path))
    items = {path.stem for path in tmp_path.glob("*.json")}
    assert {check["item"] for check in json.loads((PAPERS / paper / "expected.json").read_text())["checks"]} <= items
    for item in items:
        saved = json.loads((tmp_path / f"{item}.json").read_text())
        assert saved["tiny"]
        assert saved["results"]
        assert {"settings", "spent", "hardware", "versions", "date"} <= set(saved)
    summary = (tmp_path / "summary.md").read_text()
    assert "met" in summary
    assert "missed by" not in summary  # only what is not sampled is judged in a tiny run
    if paper == NAMES[0]:
        again = run(paper, sorted(items)[0], "--tiny", "--out", str(tmp_path))
        assert "parts were finished before" in again


def test_unknown_item_is_refused():
    made = subprocess.run(
        [sys.executable, str(PAPERS / "run.py"), NAMES[0], "fig99"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 2
    assert "fig99" in made.stderr


MADE = {"jax": "0.10.1", "numpy": "2.4"}
"""Versions."""


def test_parts_survive_an_interruption(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    calls = []
    parts = {"a": lambda: calls.append("a") or 1.5, "b": interrupt, "c": lambda: float("nan")}
    with pytest.raises(KeyboardInterrupt):
        Parts(tmp_path, {"x": 1}, MADE, False, print).run(parts, lambda: None)
    found, _ = Parts(tmp_path, {"x": 1}, MADE, False, print).run({**parts, "b": lambda: 2}, lambda: None)
    assert found == {"a": 1.5, "b": 2, "c": None}
    assert calls == ["a"]
    Parts(tmp_path, {"x": 2}, MADE, False, print).run({"a": parts["a"]}, lambda: None)
    Parts(tmp_path, {"x": 2}, MADE, True, print).run({"a": parts["a"]}, lambda: None)
    assert calls == ["a", "a", "a"]
    assert not list(tmp_path.glob("*.part"))


def test_parts_of_other_versions_are_made_anew_and_told(tmp_path):
    told, calls = [], []
    parts = {name: lambda name=name: calls.append(name) or 0.1 + 0.2 for name in "ab"}
    Parts(tmp_path, {"x": 1}, MADE, False, told.append).run(parts, lambda: None)
    Parts(tmp_path, {"x": 1}, MADE, False, told.append).run(parts, lambda: None)
    assert calls == ["a", "b"]
    assert not any("anew" in line for line in told)
    Parts(tmp_path, {"x": 1}, {**MADE, "jax": "0.10.2"}, False, told.append).run(parts, lambda: None)
    assert calls == ["a", "b", "a", "b"]
    assert [line for line in told if "anew" in line] == ["  a, b: made with jax 0.10.1, 0.10.2 here: made anew"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("0.30000000000000004", "0.3000000000000001"),
        lambda text: text.replace("0.10.1", "0.10.2"),
        lambda text: "[]",
        lambda text: "\x00" * len(text),
        lambda text: json.dumps({name: value for name, value in json.loads(text).items() if name != "checksum"}),
    ],
)
def test_a_damaged_part_is_told_and_made_anew(damage, tmp_path):
    told, calls = [], []
    parts = {"a": lambda: calls.append("a") or 0.1 + 0.2}
    Parts(tmp_path, {"x": 1}, MADE, False, told.append).run(parts, lambda: None)
    (file,) = tmp_path.glob("*.json")
    file.write_text(damage(whole := file.read_text()))
    assert file.read_text() != whole
    found, _ = Parts(tmp_path, {"x": 1}, MADE, False, told.append).run(parts, lambda: None)
    assert (found, calls) == ({"a": 0.1 + 0.2}, ["a", "a"])
    (line,) = (line for line in told if "anew" in line)
    assert line.startswith("  a: damaged")


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ({"at": ["a", 0], "expect": 2.0, "within": 0.1}, "met"),
        ({"at": ["a", 0], "expect": 1.0, "within": 0.1}, "missed by 0.95 (86% of the limit)"),
        ({"at": ["a", 0], "expect": 1.0, "relative": 1.1}, "met"),
        ({"at": ["a", 0], "expect": 1.0, "factor": 2.0}, "missed by 0.05 (2% of the limit)"),
        ({"at": ["a", 0], "expect": -1.0, "factor": 3.0}, "missed by 2.4 (715% of the limit)"),
        ({"at": ["a", 0], "expect": ["b"], "errors": ["e"]}, "met"),
        ({"at": ["a", 0], "expect": ["b"], "errors": ["e"], "sigmas": 1}, "missed by 0.05 (2% of the limit)"),
        ({"at": ["a", 0], "at_least": 2.05}, "met"),
        ({"at": ["a", 0], "at_most": 2.0}, "missed by 0.05 (2% of the limit)"),
        ({"at": ["a", 1], "at_most": 2.0}, "not run"),
        ({"at": ["a", 0], "expect": ["gone"], "within": 1.0}, "not run"),
    ],
)
def test_judgement(check, verdict, tmp_path):
    write_json(tmp_path / "expected.json", {"checks": [{"item": "i", "what": "w", "source": "s", **check}]})
    (found,) = judge(tmp_path / "expected.json", {"i": {"a": [2.05], "b": 1.75, "e": 0.25}})
    assert found.verdict.startswith(verdict.split(" (")[0])
    assert "1 met" in table([found]) or verdict != "met"
