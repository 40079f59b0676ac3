"""Mutated files are read rightly or refused; `python tests/importers/fuzz.py 10000` is the same in full size."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fuzz
import pytest


@pytest.mark.fault(38)
def test_300_mutated_files():
    outcomes = fuzz.some(range(300))
    assert {n: o for n, o in outcomes.items() if o not in ("read", "refused")} == {}
    assert min(Counter(outcomes.values()).values()) > 30  # neither is rare


def test_the_judge_sees_a_wrong_reading():
    text = fuzz.FILES[0].read_text(encoding="utf-8")
    model = fuzz.jumpax.read(fuzz.FILES[0])
    assert fuzz.compared(text, model, fuzz.random.Random(1)) == "read"
    for old, new in (
        ("<times/>", "<plus/>"),
        ('initialAmount="100"', 'initialAmount="99"'),
        ('size="1"', 'size="3"'),
        ('size="2"', 'size="3"'),
    ):
        changed = text.replace(old, new)
        assert changed == text or fuzz.compared(changed, model, fuzz.random.Random(1)) != "read"


def test_the_judge_sees_a_wrong_rate_of_change(tmp_path):
    """Of `m' = -0.1 m + sin(t)` and `V' = g V`: another formula, another variable."""
    text, file = fuzz.converted(fuzz.PLAIN[-3]), tmp_path / "m.xml"
    file.write_text(text)
    model = fuzz.jumpax.read(file)
    assert fuzz.compared(text, model, fuzz.random.Random(1)) == "read"
    for old, new in (("<sin/>", "<cos/>"), ('<rateRule variable="V">', '<rateRule variable="k">')):
        assert old in text
        assert fuzz.compared(text.replace(old, new), model, fuzz.random.Random(1)) != "read"


@pytest.mark.long
def test_10000_mutated_files():
    command = [sys.executable, str(Path(fuzz.__file__)), "10000"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, json.dumps(done.stdout[-2000:])
