"""What commands say: remedies name options of the command, not arguments of Python."""

import ast
import re
from pathlib import Path

import pytest

import jumpax
from jumpax.cli import main
from jumpax.cli.app import COMMANDS
from jumpax.cli.wording import _ELSEWHERE, _WITH, _WITHOUT, in_options, options

SOURCE = Path(jumpax.__file__).parent
ARGUMENT = re.compile(r"(?<![-\w.])[a-z_]+=(?=\.\.\.|True|False|['\"\[(]|[A-Z])")
"""An argument of Python with a value, as remedies name it."""

SEASONS = """
[network]
reactions = [{ equation = "A -> 0", rate = "k", law = "k * A" }]
[theta]
k = 1.0
[x0]
A = 20
"""


def _net(folder, amount="20", reactions=1):
    file = folder / "model.net"
    ring = [f"  {i + 1} {i + 1} {(i + 1) % reactions + 1 if reactions > 1 else 0} k" for i in range(reactions)]
    file.write_text("\n".join([
        "begin parameters", "  1 k 1.0", "end parameters",
        "begin species", *(f"  {i + 1} S{i}() {amount}" for i in range(reactions)), "end species",
        "begin reactions", *ring, "end reactions", "",
    ]))  # fmt: skip
    return str(file)


def _growing(folder):
    file = folder / "growing.ant"
    file.write_text("species X; X = 0; k = 4; J: => X; k * time")
    return str(file)


def _season(folder):
    file = folder / "season.ant"
    file.write_text("species A; A -> ; k * A * (1 + sin(time)); A = 10; k = 0.5")
    return str(file)


def _crowd(folder):
    file = folder / "crowd.ant"
    file.write_text("species A; A -> ; k * A; A = 2e15; k = 0.5")
    return str(file)


def _late(folder):
    file = folder / "late.ant"
    file.write_text(
        "species A; -> A; 100; A -> ; 10 * A; A = 10; n = 0; late: at 50 after (A > 9), persistent=true: n = n + 1"
    )
    return str(file)


FAULTS = {
    "a queue": (lambda f: ["simulate", _late(f), "--times", "9", "--paths", "2", "--engine", "cpu"], "raise --queue."),
    "no queue": (lambda f: ["simulate", "birth_death", "--queue", "20"], "--queue is for events with delays"),
    "a budget": (
        lambda f: ["simulate", "birth_death", "--times", "5", "--paths", "3", "--max-events", "10"],
        "--max-events",
    ),
    "a fraction": (lambda f: ["simulate", "birth_death", "--x0", "X=1.5"], "--round"),
    "a unit": (lambda f: ["simulate", _crowd(f), "--times", "1"], "a unit is to be: --molecules-per-unit 1e-12\n"),
    "times": (lambda f: ["simulate", "birth_death", "--times", "5,1"], "strictly increasing"),
    "a bound": (lambda f: ["simulate", _growing(f), "--times", "1"], "give --bound"),
    "bounds": (lambda f: ["simulate", _season(f), "--times", "1,2", "--bound", "3,4,5"], "bound"),
    "no number": (lambda f: ["simulate", _season(f), "--times", "1", "--bound", "high"], "--bound is written"),
    "range": (
        lambda f: ["simulate", "birth_death", "--theta", "birth=1e60", "--precision", "float32"],
        "--precision float64",
    ),
    "memory": (lambda f: ["simulate", "birth_death", "--times", "1:1000:1", "--paths", "1000000000"], "--paths"),
    "code": (lambda f: ["simulate", _net(f, "3", 3000), "--times", "1", "--engine", "xla"], "--engine cpu"),
    "time in audit": (lambda f: ["audit", _season(f), "--times", "1"], "jumpax simulate draws"),
    "wrt": (lambda f: ["audit", "birth_death", "--times", "1", "--wrt", "brith"], "Did you mean 'birth'?"),
    "limits": (lambda f: ["exact", "birth_death", "--limits", "3"], "--limits of X"),
    "states": (lambda f: ["exact", "birth_death", "--max-states", "5"], "--max-states"),
    "tolerance": (lambda f: ["exact", "birth_death", "--limits", "3"], "--tolerance of"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_remedies_name_options_of_the_command(name, capsys, tmp_path):
    words, remedy = FAULTS[name]
    words = words(tmp_path)
    assert main(words) in (1, 2, 3)
    told = capsys.readouterr().err.replace(str(tmp_path), "")
    assert remedy in told
    assert not ARGUMENT.search(told), ARGUMENT.search(told)
    assert "_" not in re.sub(r"birth_death|EVENT_BUDGET|QUEUE_FULL|JUMPAX_\w+|jumpax\.\w+|model\.net|'_J\d'", "", told)
    known = options(__import__(f"jumpax.cli.{words[0]}", fromlist=["run"]).run).values()
    for option in re.findall(r"(?<![-\w])--[a-z][-a-z0-9]*", told):
        assert option in known or option in ("--bound", "--help"), option


def test_a_queue_reaches_the_events(capsys, tmp_path):
    """A > 9 comes true again and again, and what that begins takes longer."""
    words = ["simulate", _late(tmp_path), "--times", "1", "--paths", "2", "--engine", "cpu", "--queue", "1"]
    assert main(words) != 0
    assert "'late' (--queue 1)" in capsys.readouterr().err


def test_bounds_of_intervals_reach_the_simulation(capsys, tmp_path):
    assert main(["simulate", _season(tmp_path), "--times", "1,2", "--bound", "30,40", "--paths", "3", "--json"]) == 0


LEFT = {
    "engines/arrays/rates.py": "no command has families",
    "engines/arrays/gathered.py": "the same",
    "networks/family.py": "the same",
    "gradients/reverse/values.py": "the same",
    "gradients/reverse/method.py": "the same",
    "gradients/reverse/expected.py": "the same",
    "gradients/replay.py": "no command replays",
    "design/pareto.py": "no command traces fronts",
    "networks/kinds.py": "commands give networks where networks are meant",
    "networks/laws/function.py": "models of files have no functions of Python",
    "observables/observable.py": "commands make the observables",
    "observables/entropy_production.py": "no command has it",
    "observables/path_likelihood.py": "no command has it",
    "folds/score.py": "estimators make it",
    "gradients/score_function.py": "commands have no numbers of events as stops",
    "gradients/pathwise.py": "the same",
    "gradients/lattice_tangent.py": "the same",
    "gradients/straight_through.py": "`audit` has horizons that need neither",
    "gradients/exact_gradient.py": "`audit` looks for limits itself, and no command has numbers of events",
    "gradients/lyapunov.py": "no command has it",
    "gradients/chosen.py": "commands trace nothing themselves",
    "engines/paths.py": "a command stops at a faulty path",
    "engines/program.py": "no command has uniformization",
    "importers/model.py": "a call of Python, for what no command does",
    "gradients/lattice_coverage.py": "no command has it",
    "gradients/steady_state.py": "no command has it",
    "observables/path_rate.py": "no command has it",
    "_base/given.py": "models of files have no functions of Python",
}
"""Where arguments of Python are named in messages that no command can show, and why not."""
REPLACED = {
    "steps": "commands give times",
    "record": "commands record no folds",
    "gradient": "commands take the default",
    "reverse": "the same",
}


def test_every_argument_named_in_a_message_is_an_option_or_told_otherwise():
    told = " ".join(pattern for pattern, _ in _ELSEWHERE) + " ".join(_WITHOUT) + " ".join(_WITH)
    known = {
        name for command in COMMANDS for name in options(__import__(f"jumpax.cli.{command}", fromlist=["run"]).run)
    }
    unknown = {}
    for file in sorted(SOURCE.rglob("*.py")):
        place = file.relative_to(SOURCE).as_posix()
        if place in LEFT or place.startswith(("cli/", "demo/", "plots/", "results/", "engines/cpu/", "engines/gpu/")):
            continue
        tree = ast.parse(file.read_text())
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                for found in ARGUMENT.findall(node.value):
                    name = found[:-1]
                    if name not in known and name not in REPLACED and name not in told:
                        unknown.setdefault(name, set()).add(f"{place}:{node.lineno}")
    assert not unknown, f"say in cli/wording.py what a command says of them, or why no command shows them: {unknown}"


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_those_of_the_help(command, capsys):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    for option in options(__import__(f"jumpax.cli.{command}", fromlist=["run"]).run).values():
        assert option in text


def test_words_that_only_look_like_arguments_stay():
    for message in (
        "--theta is written as name=number, not as 'k'",
        "parameter 'paths' = 3",
        "paths and times",
        "x/paths=3.nc",
    ):
        assert in_options(message, "simulate") == message
    assert in_options("give round_counts=True", None) == "give round_counts=True"
