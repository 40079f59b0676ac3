"""`audit(..., save=, resume=)`: one that was interrupted ends like one that was not; the file of another audit is refused by field."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import jumpax
from jumpax.cli import audit as command
from jumpax.cli import main
from jumpax.engines import journal
from jumpax.gradients import measure

MODEL = jumpax.zoo.association(start=(10, 10), k_on=1.0, k_off=1.0)
TRIED = {
    "score": jumpax.ScoreFunction(),
    "tangent": jumpax.TrapezoidalTangent(),
    "refused": jumpax.StraightThrough(horizon="uniformization"),
    "difference": jumpax.CoupledDifference(),
}
MEASURED = ("plain", "score", "tangent", "refused", "difference", "the master equation")
"""In this order."""


def audited(network=MODEL.network, theta=MODEL.theta, **settings):
    given = {"x0": MODEL.x0, "times": [0.5, 1.0], "estimators": TRIED, "paths": 400, "key": 20261201, "wrt": ["k_off"]}
    return jumpax.audit(network, theta, **{**given, **settings})


def timeless(found):
    """All that clocks do not show in."""
    rows = [row._replace(work=0.0) for row in found.rows]
    return repr(dataclasses.replace(found, rows=tuple(rows), seconds={}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An audit without interruption, and its file."""
    file = tmp_path_factory.mktemp("audit") / "audit.state"
    return audited(save=file), file


class Counted:
    """Measurements that are really made; one of them may end in something else."""

    def __init__(self, last=None, ending=None):
        self.many, self.last, self.ending, self.own = 0, last, ending, measure._measured

    def __call__(self, *arguments):
        self.many += 1
        if self.many == self.last:
            self.ending()
        return self.own(*arguments)


def interrupt():
    raise KeyboardInterrupt


def test_what_a_file_knows_is_not_measured_again_and_has_its_times(whole, monkeypatch):
    found, file = whole
    monkeypatch.setattr(measure, "_measured", counted := Counted())
    assert repr(audited(resume=file)) == repr(found)
    assert counted.many == 1  # what is refused is asked again
    assert set(found.refused) == {"refused"}
    assert found.reference == "exact"


@pytest.mark.parametrize("last", [1, 3, 5, 6])
def test_an_interrupted_audit_ends_like_another(whole, last, tmp_path, monkeypatch):
    file = tmp_path / "audit.state"
    with monkeypatch.context() as patch:
        patch.setattr(measure, "_measured", Counted(last, interrupt))
        with pytest.raises(KeyboardInterrupt):
            audited(save=file)
    known = sum(name != "refused" for name in MEASURED[: last - 1])
    assert len(journal.contents(file).places) == known
    monkeypatch.setattr(measure, "_measured", counted := Counted())
    found = audited(save=file, resume=file)
    assert counted.many == len(MEASURED) - known
    assert timeless(found) == timeless(whole[0])
    assert repr(audited(resume=file)) == repr(found)


KILLED = """
import os, signal, sys
from gradients.test_audit_resume import Counted, audited, measure
measure._measured = Counted(4, lambda: os.kill(os.getpid(), signal.SIGKILL))
audited(save=sys.argv[1])
"""


def test_a_killed_audit_ends_like_another(whole, tmp_path):
    file = tmp_path / "audit.state"
    words = [sys.executable, "-c", KILLED, str(file)]
    made = subprocess.run(words, cwd=Path(__file__).parents[1], env=os.environ, timeout=120)
    assert made.returncode == -signal.SIGKILL
    assert len(journal.contents(file).places) == 3
    assert timeless(audited(resume=file)) == timeless(whole[0])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"theta": {**MODEL.theta, "k_off": 1.5}}, "parameter 'k_off': 1.0 in the file, 1.5 here"),
        ({"x0": {**MODEL.x0, MODEL.network.species[0]: 11}}, "x0: "),
        ({"key": 1}, "key: 20261201 in the file, 1 here"),
        ({"paths": 401}, "paths: 400 in the file, 401 here"),
        ({"times": [0.5, 1.5]}, "stops: "),
        ({"wrt": ["k_on"]}, "wrt: "),
        ({"limits": 30}, "limits: "),
        ({"observable": jumpax.Moments(MODEL.network.species[0])}, "observable: "),
        (
            {"estimators": {**TRIED, "tangent": jumpax.TrapezoidalTangent(control="martingale")}},
            "estimator 'tangent': ",
        ),
        ({"estimators": {name: TRIED[name] for name in reversed(TRIED)}}, "estimators: "),
    ],
)
def test_the_file_of_another_audit_is_refused_by_field(whole, changed, field):
    with pytest.raises(jumpax.InputError) as refused:
        audited(**changed, resume=whole[1])
    (line,) = [line for line in str(refused.value).splitlines() if line.startswith("- ")]
    assert line.startswith(f"- {field}")


def test_another_network_and_version_are_refused(whole, monkeypatch):
    other = jumpax.zoo.birth_death()
    with pytest.raises(jumpax.InputError, match="- network: "):
        audited(other.network, other.theta, x0=other.x0, wrt=["birth"], resume=whole[1])
    monkeypatch.setattr(journal, "_version", lambda name: "0.0" if name == "jax" else "0.1")
    with pytest.raises(jumpax.InputError, match=r"- version of jax: .* in the file, '0\.0' here"):
        audited(resume=whole[1])


def test_the_command_hands_its_files_on(whole, monkeypatch, capsys):
    given = {}
    monkeypatch.setattr(command, "audit", lambda *_, **named: given.update(named) or whole[0])
    assert main(["audit", "birth_death", "--save", "a.state", "--resume", "b.state", "--json"]) == 0
    assert (given["save"], given["resume"]) == (Path("a.state"), Path("b.state"))
    capsys.readouterr()
