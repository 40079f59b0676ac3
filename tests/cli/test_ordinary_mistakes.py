"""The list of ordinary mistakes: each, in Python and on the command line, is one clear line with the remedy, no traceback, and an exit code."""

import re

import pytest

import jumpax
from jumpax.cli import main
from jumpax.exact import StateSpace
from jumpax.inference import Fixed, Free, MasterEquation, Problem, losses

MODEL = jumpax.zoo.birth_death()
LONGEST = 600
"""Characters of a line that is still read."""
PROBLEM = """
model = "birth_death"
settle = 8.0
[parameters]
birth = { free = 4.0 }
[data]
file = "counts.csv"
species = "X"
count = "number"
[exact]
limits = { X = 60 }
"""


def paths(**more):
    settings = {"times": [1.0], "paths": 2, "key": 0, **more}
    return jumpax.simulate(MODEL, settings.pop("theta", None), settings.pop("x0", None), **settings)


def told(counts=(3, 4, 5), *, species="X", limits=None, **parameters):
    source = MasterEquation({"X": 60} if limits is None else limits)
    rates = {"birth": Free(4.0), "death": Fixed(1.0), **parameters}
    return Problem(MODEL.network, MODEL.x0, losses.LogLikelihood(species, counts), rates, settle=8.0, source=source)


def simulate(*words):
    usual = {"--times": "1", "--paths": "2"} | dict(zip(words[::2], words[1::2], strict=True))
    return lambda _: ["simulate", "birth_death", *(word for both in usual.items() for word in both)]


def fit(old="", new="", data="number\n3\n4\n5\n"):
    """Words of `jumpax fit` on a problem file with a mistake in it, or in its data."""

    def words(folder):
        (folder / "counts.csv").write_text(data)
        (folder / "problem.toml").write_text(PROBLEM.replace(old, new) if old else PROBLEM)
        return ["fit", str(folder / "problem.toml")]

    return words


MISTAKES = {
    "a model that is not known": (
        lambda _: jumpax.simulate("birth_death", times=[1.0], paths=2, key=0), r"jumpax\.read",
        lambda _: ["simulate", "birth_deth", "--times", "1"], "Did you mean 'birth_death'",
    ),
    "a file that is not there": (
        lambda folder: jumpax.read(folder / "gene.xml"), r"gene\.xml",
        lambda folder: ["simulate", str(folder / "gene.xml"), "--times", "1"], r"gene\.xml",
    ),
    "a misspelt parameter": (
        lambda _: paths(theta={"brith": 1.0, "death": 1.0}), "Did you mean 'birth'",
        simulate("--theta", "brith=1"), "Did you mean 'birth'",
    ),
    "a misspelt species": (
        lambda _: paths(x0={"Y": 1}), "unknown species 'Y'; known: X",
        simulate("--x0", "Y=1"), "unknown species 'Y'; known: X",
    ),
    "a rate below zero": (
        lambda _: paths(theta={"birth": -1.0, "death": 1.0}), "birth.*negative",
        simulate("--theta", "birth=-1"), "birth.*negative",
    ),
    "half a molecule": (
        lambda _: paths(x0={"X": 1.5}), "round_counts=True",
        simulate("--x0", "X=1.5"), "--round",
    ),
    "fewer molecules than none": (
        lambda _: paths(x0={"X": -1}), "'X'.*negative|negative.*X",
        simulate("--x0", "X=-1"), "'X'.*negative|negative.*X",
    ),
    "times that do not increase": (
        lambda _: paths(times=[2.0, 1.0]), "strictly increasing",
        simulate("--times", "2,1"), "strictly increasing",
    ),
    "no paths": (
        lambda _: paths(paths=0), "paths must be",
        simulate("--paths", "0"), "paths must be .* from 1",
    ),
    "more paths than fit into memory": (
        lambda _: paths(paths=2 * 10**9), "fewer paths|paths=|record fewer",
        simulate("--paths", "2000000000"), "--paths",
    ),
    "an engine that there is not": (
        lambda _: paths(engine="cpuu"), "known: .*cpu",
        simulate("--engine", "cpuu"), "cpu",
    ),
    "a format that nobody writes": (
        lambda folder: paths().save(folder / "a.xls"), r"\.csv",
        lambda folder: [*simulate("--out", str(folder / "a.xls"))(folder)], r"\.csv",
    ),
    "a folder that is not there": (
        lambda folder: paths().save(folder / "none" / "a.csv"), "folder",
        lambda folder: [*simulate("--out", str(folder / "none" / "a.csv"))(folder)], "folder",
    ),
    "a start outside its bounds": (
        lambda _: told(birth=Free(4.0, lower=5.0)), "the start 4 is not between",
        fit("free = 4.0", "free = 4.0, lower = 5.0"), "the start 4 is not between",
    ),
    "counts that are none": (
        lambda _: told([3, -2]), r"row 2 \(-2\)",
        fit(data="number\n3\n-2\n"), r"row 2 \(-2\)",
    ),
    "data of a species that the model does not have": (
        lambda _: told(species="Y"), "unknown species 'Y'; known: X",
        fit('species = "X"', 'species = "Y"'), "unknown species 'Y'; known: X",
    ),
    "a column that the table does not have": (
        lambda folder: table(folder, "time,X\n1,2\n", "Z"), "unknown column 'Z'; known: .*X",
        fit('count = "number"', 'count = "numbr"'), "unknown column 'numbr'; known: number. Did you mean 'number'",
    ),
    "a word among numbers": (
        lambda folder: table(folder, "time,X\n1,two\n", "X"), "line 2, column 'X': 'two' is not a number",
        fit(data="number\n3\nfour\n"), "line 3, column 'number': 'four' is not a number",
    ),
    "nothing to be found": (
        lambda _: jumpax.fit(told(birth=Fixed(4.0))), r"Free\(1\.0\)",
        fit("free = 4.0", "fixed = 4.0"), "free = 1.0",
    ),
    "counts without a limit": (
        lambda _: StateSpace.reachable(MODEL.network, MODEL.x0, max_states=50), "limits",
        lambda _: ["exact", "birth_death", "--times", "1", "--max-states", "50"], "--limits",
    ),
    "a parameter to differentiate by that there is not": (
        lambda _: jumpax.audit(MODEL, times=[1.0], wrt=["brith"]), "Did you mean 'birth'",
        lambda _: ["audit", "birth_death", "--times", "1", "--wrt", "brith"], "Did you mean 'birth'",
    ),
}  # fmt: skip
"""Each: in Python, its remedy; on the command line, its remedy."""


def table(folder, text, column):
    (folder / "trace.csv").write_text(text)
    return jumpax.Records.read(folder / "trace.csv", {column: jumpax.records.Normal(1.0)})


def test_there_are_fifteen_at_least():
    assert len(MISTAKES) >= 15


@pytest.mark.parametrize("mistake", MISTAKES)
def test_in_python(mistake, tmp_path):
    make, remedy, _, _ = MISTAKES[mistake]
    with pytest.raises(jumpax.JumpaxError) as fault:
        make(tmp_path)
    clear(str(fault.value), remedy)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_on_the_command_line(mistake, tmp_path, capsys):
    _, _, words, remedy = MISTAKES[mistake]
    assert main(words(tmp_path)) != 0
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    clear(shown.err, remedy)


def clear(text, remedy):
    """One line has the remedy; what is wrong in files stands between heads, which name these, and a foot."""
    lines = [line for line in text.strip().splitlines() if line]
    assert sum(bool(re.search(remedy, line)) for line in lines) == 1, text
    assert len(lines) <= 4, text
    assert max(map(len, lines)) < LONGEST, text
