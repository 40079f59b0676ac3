"""Mutated tables of data, CSV and TSV, of problem files: read as a reader by hand does, or refused."""

import csv
import math
import random
import warnings
from collections import Counter

import numpy as np
import pytest

from jumpax import JumpaxError
from jumpax.cli.problem_file import read_problem
from mutated_tables import mutated

PROBLEM = """model = "birth_death"
[parameters]
birth = {{ free = 10.0 }}
death = {{ fixed = 1.0 }}
[data]
file = "{file}"
time = "hours"
{data}
[loss]
kind = "{loss}"
"""
COUNTS = 'species = "X"\ncount = "number"'
MEANS = 'means = { X = "mean" }\nstandard_errors = { X = "error" }'
TABLES = {
    "log_likelihood": (COUNTS, "cell,hours,number\na,1,3\nb,1,4\nc,2,5\nd,2,5\ne,2.5,9\n"),
    "moments": (COUNTS, "cell,hours,number\na,1,3\nb,1,4\nc,2,5\nd,2,5\ne,2,9\nf,1,2\n"),
    "time_series": (MEANS, "hours,mean,error,note\n1,3.5,0.1,x\n2,5,0.2,y\n3,5.5,0.3,z\n4,5.25,0.2,\n"),
}


def columns(text, mark):
    """Columns of a plain table by name; None where it is not plain."""
    lines = [line for line in text.splitlines() if line.strip()]
    if any(sign in text for sign in '"#\x00 ;') or not all("," not in line for line in lines if mark == "\t"):
        return None
    head, *rows = csv.reader(lines, delimiter=mark)
    if len({*head}) < len(head) or not rows or any(len(row) != len(head) for row in rows):
        return None
    return {name.strip(): [row[i] for row in rows] for i, name in enumerate(head)}


def floats(words):
    """Numbers, NaN for what stands for none; None if one of them is neither."""
    try:
        return [math.nan if word.strip().lower() in ("", "na", "nan") else float(word) for word in words]
    except ValueError:
        return None


def meaning(loss, text, mark):
    """What the loss has to know: numbers by name. `wrong` if it cannot, None where that is not judged."""
    found = columns(text, mark)
    names = ("hours", "mean", "error") if loss == "time_series" else ("hours", "number")
    if found is None:
        return None
    numbers = {name: floats(found[name]) for name in names if name in found}
    if len(numbers) < len(names) or None in numbers.values():
        return "wrong"
    every = np.array([*numbers.values()])
    if np.isnan(every[1:]).any() or np.isinf(every).any() or np.isnan(every[0]).any() or (every < 0).any():
        return "wrong"
    if loss != "time_series" and (every[1] != np.floor(every[1])).any():
        return "wrong"
    return numbers


def known(loss, problem):
    """The same, read off the loss of the problem."""
    found = problem.problem.loss
    if loss == "time_series":
        return {
            "hours": list(found.times),
            "mean": found.measured[:, 0].tolist(),
            "error": (1 / found.root[:, 0, 0]).tolist(),
        }
    if loss == "log_likelihood":
        many = {
            (found.times[row], n): round(cells)
            for row, line in zip(found.rows, found.cells, strict=True)
            for n, cells in enumerate(line)
            if cells
        }
        pairs = sorted(Counter(many).elements())
        return {"hours": [t for t, _ in pairs], "number": [n for _, n in pairs]}
    return None


def outcome(number, folder):
    """`read`, `read as meant` or `refused`, or what is wrong with that."""
    choose = random.Random(f"data {number}")
    loss, (mark, suffix) = choose.choice((*TABLES,)), choose.choice(((",", "csv"), ("\t", "tsv")))
    data, text = TABLES[loss]
    text = mutated(text.replace(",", mark), choose, mark)
    (folder / f"d.{suffix}").write_text(text, encoding="utf-8")
    (folder / "p.toml").write_text(PROBLEM.format(file=f"d.{suffix}", data=data, loss=loss))
    meant = meaning(loss, text, mark)
    try:
        problem = read_problem(folder / "p.toml")
    except JumpaxError as fault:
        return "refused" if str(fault).strip() else "a refusal without a word"
    except Exception as fault:
        return f"{type(fault).__name__}: {fault}"[:300]
    if meant == "wrong":
        return f"read, though it means nothing, {loss}:\n{text}"
    found = known(loss, problem)
    if meant is None or found is None:
        return "read"
    rows = sorted(zip(*meant.values(), strict=True))
    same = np.shape(rows) == np.shape([*zip(*found.values(), strict=True)]) and np.allclose(
        rows, sorted(zip(*found.values(), strict=True)), rtol=1e-6
    )
    return "read as meant" if same else f"{found}, not {meant}"


def outcomes(numbers, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {number: outcome(number, folder) for number in numbers}
    assert {n: o for n, o in made.items() if o not in ("read", "read as meant", "refused")} == {}
    return Counter(made.values())


def test_400_mutated_tables(tmp_path):
    found = outcomes(range(400), tmp_path)
    assert min(found["read as meant"], found["refused"]) > 60


@pytest.mark.long
def test_5000_mutated_tables(tmp_path):
    found = outcomes(range(5000), tmp_path)
    assert min(found["read as meant"], found["refused"]) > 800
