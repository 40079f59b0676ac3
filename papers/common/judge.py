"""Results beside what was expected of them."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Verdict(NamedTuple):
    """One expectation and what became of it."""

    item: str
    what: str
    source: str
    expected: str
    found: str
    verdict: str
    """`met`, `missed by ...`, or `not run`."""


def judge(expected: Path, results: Mapping[str, Mapping[str, Any]]) -> list[Verdict]:
    """Compare results with the checks of an `expected.json`, as far as there are results.

    A check names an `item`, `what` it is, the place `at` which the number stands in the results (a list of keys), its
    `source`, and one of
        expect + within      |found - expect| <= within
        expect + relative    |found - expect| <= relative |expect|
        expect + factor      expect / factor <= found <= expect factor
        expect + errors      |found - expect| <= sigmas (default 4) times the number at `errors`, plus `within` if given
        at_most, at_least    bounds
    `expect` may be a list of keys too: another number of the same results.
    """
    checks = json.loads(expected.read_text())["checks"]
    return [_one(check, results[check["item"]]) for check in checks if check["item"] in results]


def table(verdicts: Sequence[Verdict]) -> str:
    """A Markdown table, and a line that counts."""
    lines = ["| item | what | source | expected | found | |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(verdict)} |" for verdict in verdicts]
    met = sum(v.verdict == "met" for v in verdicts)
    skipped = sum(v.verdict == "not run" for v in verdicts)
    return "\n".join([*lines, "", f"{met} met, {len(verdicts) - met - skipped} missed, {skipped} not run"])


def _one(check: Mapping[str, Any], results: Mapping[str, Any]) -> Verdict:
    found = _at(results, check["at"])
    expect = check.get("expect")
    if isinstance(expect, list):
        expect = _at(results, expect)
    error = _at(results, check["errors"]) if "errors" in check else None
    told, limits = _limits(check, expect, error)
    if found is None or limits is None:
        return Verdict(check["item"], check["what"], check["source"], told, _short(found), "not run")
    low, high = limits
    if low <= found <= high:
        return Verdict(check["item"], check["what"], check["source"], told, _short(found), "met")
    bound = low if found < low else high
    by = f"{abs(found - bound):.2g}" + (f" ({abs(found / bound - 1):.0%} of the limit)" if bound else "")
    return Verdict(check["item"], check["what"], check["source"], told, _short(found), f"missed by {by}")


def _limits(
    check: Mapping[str, Any], expect: float | None, error: float | None
) -> tuple[str, tuple[float, float] | None]:
    """What is expected, in words, and the interval that it stands for."""
    if "at_most" in check or "at_least" in check:
        low, high = check.get("at_least", -math.inf), check.get("at_most", math.inf)
        words = [f"{sign} {_short(bound)}" for sign, bound in (("≥", low), ("≤", high)) if math.isfinite(bound)]
        return ", ".join(words), (low, high)
    if expect is None:
        return "-", None
    if "factor" in check:
        ends = sorted((expect / check["factor"], expect * check["factor"]))
        return f"{_short(expect)}, factor {check['factor']:g}", (ends[0], ends[1])
    if "errors" in check:
        sigmas = check.get("sigmas", 4)
        if error is None:
            return _short(expect), None
        width = sigmas * error + check.get("within", 0.0)
        return f"{_short(expect)} ± {width:.2g}", (expect - width, expect + width)
    width = check["within"] if "within" in check else check["relative"] * abs(expect)
    return f"{_short(expect)} ± {width:.2g}", (expect - width, expect + width)


def _at(results: Any, keys: Sequence[str | int]) -> float | None:
    """The number at a place, or None if there is none."""
    for key in keys:
        if isinstance(results, list) and isinstance(key, int) and key < len(results):
            results = results[key]
        elif isinstance(results, Mapping) and str(key) in results:
            results = results[str(key)]
        else:
            return None
    return results


def _short(number: float | None) -> str:
    return "-" if number is None else f"{number:.6g}"
