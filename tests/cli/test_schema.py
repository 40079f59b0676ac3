"""Problem files against their schema: places, what was found, what is expected, the nearest name, the page; and the page itself."""

import copy
import inspect
import itertools
import tomllib

import msgspec
import pytest
from problem_page import DOCUMENT, LABELS, printed

import jumpax
from jumpax.cli import problem_file, record_file, schema
from jumpax.cli.entries import faults_of
from jumpax.cli.problem_file import read_problem
from jumpax.cli.record_file import LAWS, read_record_file
from jumpax.inference import MasterEquation, RecordProblem, Simulation, compare, fit, losses, posterior, profile

KINDS = [
    k
    for k in vars(schema).values()
    if isinstance(k, type) and issubclass(k, msgspec.Struct) and k is not msgspec.Struct
]
PROBLEM = """
model = "birth_death"
settle = "8"
[parameters]
birth = { free = "four", uper = 9.0 }
death = { box = [0.1] }
[[data]]
file = "counts.csv"
species = "X"
count = "number"
time = 3
[[data]]
file = "counts.csv"
specis = "X"
count = "number"
[loss]
smothing = 5.0
[exact]
limits = { X = 60.5 }
[fit]
steps = 1.5
[profile]
name = "birth"
values = 3.0
"""


def test_every_fault_has_its_place_what_was_found_and_what_is_expected(tmp_path, capsys):
    """And the nearest name that is known, and the page; all at once."""
    (tmp_path / "problem.toml").write_text(PROBLEM)
    assert jumpax.cli.main(["fit", str(tmp_path / "problem.toml")]) == 2
    told = capsys.readouterr().err
    for words in (
        "settle must be a number, not '8'",
        "parameters.birth: unknown entry 'uper'; known: unit, own, prior, free, lower, upper. Did you mean 'upper'?",
        "parameters.birth.free must be a number, not 'four'",
        "parameters.death.box must be a list of two numbers, not [0.1]",
        "data[1].time must be text, not 3",
        "data[2]: unknown entry 'specis'; known: file, species, count, time, size_factor. Did you mean 'species'?",
        "data[2]: species missing, for the loss log_likelihood",
        "Did you mean 'smoothing'?",
        "exact.limits must be a table of whole numbers, not {'X': 60.5}",
        "fit.steps must be a whole number, not 1.5",
        "profile.values must be a list of numbers, not 3.0",
        "https://jumpax.readthedocs.io/formats/problem/",
    ):
        assert words in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("kind", "part", "expected"),
    [
        (schema.Simulation, {"exact": 1}, "true or false"),
        (schema.Simulation, {"paths": True}, "a whole number"),
        (schema.Posterior, {"method": "nutz"}, '"mala" or "nuts" or "pmmh"'),
        (schema.Means, {"file": "f", "time": "t", "means": {"X": [1]}, "standard_errors": {}}, "a table of names or numbers"),
        (schema.Product, {"product": ["a", 1]}, "a list of names"),
        (schema.Measured, {"law": "Normal", "of": {}}, "text or a list of names"),
        (schema.FitFile, {"data": [1]}, "a table or a list of tables"),
    ],
)  # fmt: skip
def test_what_is_expected_is_told_in_words(kind, part, expected):
    name = next(name for name in part if f"{name} must" in "".join(faults_of("here", part, kind)))
    assert faults_of("here", part, kind) == [f"here.{name} must be {expected}, not {part[name]!r}"]


def test_whole_numbers_are_numbers_and_truth_values_are_none():
    assert faults_of("", {"free": 1, "lower": 0}, schema.Free) == []
    assert faults_of("p", {"free": True}, schema.Free) == ["p.free must be a number, not True"]
    assert faults_of("p", 3, schema.Free) == ["p must be a table, not 3"]


def test_the_page_is_printed_from_the_schema():
    """`python tests/cli/problem_page.py` writes it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert printed(text) == text
    shown = {name for row in text.splitlines() if row.startswith("| `") for name in row.split("`")[1:2]}
    assert {field.name for kind in KINDS for field in msgspec.structs.fields(kind)} <= shown
    assert {*schema.LOSSES, *LAWS} - {word for word in text.replace("`", " ").split() if word} == set()
    assert set(LABELS) <= set(KINDS)


@pytest.mark.parametrize(
    ("kind", "does", "others"),
    [
        (schema.Simulation, Simulation, set()),
        (schema.Exact, MasterEquation, set()),
        (schema.ExactRecords, RecordProblem, set()),
        (schema.Fit, fit, {"seed"}),
        (schema.Posterior, posterior, {"seed"}),
        (schema.Compare, compare, {"parameters"}),
        (schema.Profile, profile, {"limits"}),
        (schema.LogLikelihood, losses.LogLikelihood, {"kind", "capture", "background"}),
        (schema.JointLogLikelihood, losses.JointLogLikelihood, {"kind"}),
        (schema.Moments, losses.MomentMatch, {"kind", "capture", "background"}),
        (schema.ReactionSeries, losses.ReactionSeries, {"kind"}),
    ],
)  # fmt: skip
def test_entries_are_arguments_of_what_reads_them(kind, does, others):
    known = set(inspect.signature(does).parameters)
    assert {field.name for field in msgspec.structs.fields(kind)} - others <= known


SOUND = {
    "fit": """
settle = 8.0
x0 = { X = 0 }
theta = { make = 4.0, lose = 1.0 }
units = { make = "1/h" }
[network]
reactions = [{ equation = "0 -> X", rate = "make" }, { equation = "X -> 0", rate = "lose" }]
[parameters]
make = { free = 4.0, upper = 50.0, own = true }
lose = { box = [0.1, 10.0] }
fold = { ratio = ["make[b]", "make[a]"] }
[data]
species = "X"
count = "number"
[conditions.a]
data = { file = "counts.csv" }
[conditions.b]
data = { file = "counts.csv" }
parameters = { make = { free = 3.0, own = true } }
[loss]
smoothing = 2.0
[exact]
limits = { X = 60 }
[fit]
steps = 3
[profile]
name = "lose"
values = [1, 2, 3]
[compare]
parameters = ["make"]
""",
    "means": """
model = "birth_death"
[parameters]
birth = { free = 4.0 }
[[data]]
file = "counts.csv"
time = "number"
means = { X = "number" }
standard_errors = { X = 1.0 }
[loss]
kind = "time_series"
[simulation]
paths = 800
""",
    "infer": """
model = "birth_death"
[parameters]
birth = { free = 5.0, prior = { law = "LogNormal", median = 8.0, sd = 0.5 } }
[records]
file = "counts.csv"
time = "number"
[records.columns.seen]
law = "Normal"
sd = 1.0
of = "X"
[exact]
limits = { X = 60 }
[posterior]
chains = 2
""",
}
STRANGE = (3, "no", True, [], {}, [1], {"a": {"b": []}}, 1.5)


def places(table, before=()):
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from places(value, (*before, key))


def changed(table, place, value):
    made = copy.deepcopy(table)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return made


@pytest.mark.parametrize("name", SOUND)
def test_anything_anywhere_is_read_or_told(name, tmp_path, monkeypatch):
    """No other exception comes out, which would be a traceback: every place of a sound file with every kind of value."""
    (tmp_path / "counts.csv").write_text("number,seen\n1,3\n2,4\n3,5\n")
    read = read_record_file if name == "infer" else read_problem
    module = record_file if name == "infer" else problem_file
    sound, told = tomllib.loads(SOUND[name]), 0
    monkeypatch.setattr(module, "toml_of", lambda _: sound)
    assert read(tmp_path / "problem.toml").problem.free
    for place, value in itertools.product(places(sound), STRANGE):
        table = changed(sound, place, value)
        monkeypatch.setattr(module, "toml_of", lambda _, table=table: table)
        try:
            read(tmp_path / "problem.toml")
        except jumpax.JumpaxError as fault:
            told += "\n- " in str(fault) and "wrong kind" not in str(fault)
        except Exception as fault:
            fault.add_note(f"{place} = {value!r}")
            raise
    assert told > 2 * len(list(places(sound)))
