"""The commands, run in this process."""

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import numpy as np
import pytest

import jumpax
from jumpax import results
from jumpax._base import extras
from jumpax.cli import app, main, simulate
from jumpax.cli.exits import EXIT_CODES, Exit
from jumpax.cli.operations import operations_per_event
from jumpax.exact import StateSpace, distribution

DECAY = """
[network]
name = "decay"
reactions = [{ equation = "A -> 0", rate = "k" }]
[theta]
k = 1.0
[x0]
A = 20
[units]
k = "1/h"
time = "h"
"""


@pytest.fixture
def decay(tmp_path):
    file = tmp_path / "decay.toml"
    file.write_text(DECAY)
    return str(file)


def call(capsys, *words):
    """Exit code, the JSON document if there is one, and standard error."""
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_simulate_gives_what_the_function_gives(capsys, decay):
    words = ("--times", "0:1:0.5", "--paths", "30", "--seed", "4", "--theta", "k=2")
    code, document, err = call(capsys, "simulate", decay, *words)
    assert (code, err) == (0, "")
    network = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
    paths = jumpax.simulate(network, {"k": 2.0}, {"A": 20}, times=[0.0, 0.5, 1.0], paths=30, key=4)
    assert document["theta"] == {"k": 2.0}
    assert document["times"] == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(document["mean"]["A"], paths.mean()[:, 0])
    np.testing.assert_allclose(document["variance"]["A"], paths.variance()[:, 0])
    np.testing.assert_allclose(document["standard_error"]["A"], np.sqrt(paths.variance()[:, 0] / 30))
    assert document["events"] == paths.events.sum()
    assert sum(document["status"].values()) == 30
    assert document["provenance"]["network_digest"] == network.digest


def test_simulate_takes_files_with_rates_that_depend_on_time(capsys, tmp_path):
    file = tmp_path / "growing.ant"
    file.write_text("species X; X = 0; k = 4; J: => X; k * time")
    words = ("simulate", str(file), "--times", "1", "--paths", "2000", "--seed", "5")
    code, err = failure(capsys, *words)
    assert code == Exit.UNSUPPORTED
    assert "bound" in err
    code, document, _ = call(capsys, *words, "--bound", "4.0")
    assert code == 0
    assert abs(document["mean"]["X"][0] - 2.0) < 5 * np.sqrt(2 / 2000)  # Poisson; 6e-7


def test_rates_that_fade_need_no_bound(capsys, tmp_path):
    file = tmp_path / "fading.ant"
    file.write_text("species X; X = 0; k = 4; J: => X; k * exp(-time)")
    code, document, _ = call(capsys, "simulate", str(file), "--times", "1", "--paths", "2000", "--seed", "5")
    mean = 4 * (1 - np.exp(-1))
    assert code == 0
    assert abs(document["mean"]["X"][0] - mean) < 5 * np.sqrt(mean / 2000)  # Poisson; 6e-7
    code, document, _ = call(capsys, "check", str(file))
    assert code == 0
    assert document["model"]["speed"]["events_per_second"] is not None


def test_simulate_saves_and_resumes(capsys, decay, tmp_path):
    words, state = ("simulate", decay, "--times", "1", "--paths", "30"), str(tmp_path / "run")
    _, whole, _ = call(capsys, *words, "--save", state)
    code, again, _ = call(capsys, *words, "--resume", state)
    assert code == 0
    assert again["mean"] == whole["mean"]
    code, err = failure(capsys, *words, "--resume", state, "--seed", "1")
    assert code == Exit.BAD_INPUT
    assert "holds another run" in err


def test_simulate_writes_files(capsys, decay, tmp_path):
    out, figure = tmp_path / "a.nc", tmp_path / "a.png"
    words = (
        "--times",
        "0:1:0.5",
        "--paths",
        "30",
        "--out",
        str(out),
        "--figure",
        str(figure),
        "--precision",
        "float64",
    )
    code, document, _ = call(capsys, "simulate", decay, *words)
    assert code == 0
    assert document["files"] == {"out": str(out), "figure": str(figure)}
    data = results.load(out)
    np.testing.assert_allclose(data.counts.mean("path").values[:, 0], document["mean"]["A"])
    assert data.attrs["precision"] == "float64"
    assert data.attrs["theta.k"] == 1.0
    assert data.time.attrs["units"] == "h"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_tables_for_people(capsys, decay):
    assert main(["simulate", decay, "--times", "0,1", "--paths", "1"]) == 0
    out, err = capsys.readouterr()
    assert "time (h)" in out
    assert "20" in out
    assert err == ""


def test_exact_gives_what_the_function_gives(capsys, decay):
    code, document, err = call(capsys, "exact", decay, "--times", "0.5,1")
    assert (code, err) == (0, "")
    stay = np.exp([-0.5, -1.0])
    np.testing.assert_allclose(document["mean"]["A"], 20 * stay, rtol=1e-9)
    np.testing.assert_allclose(document["variance"]["A"], 20 * stay * (1 - stay), rtol=1e-9)
    assert document["states"] == 21
    assert max(document["leak"]) < 1e-9


def test_exact_with_limits_and_at_rest(capsys):
    model = jumpax.zoo.birth_death()
    code, document, _ = call(capsys, "exact", "birth_death", "--limits", "X=250", "--times", "1")
    assert code == 0
    with jax.enable_x64(True):
        law = distribution(StateSpace.reachable(model.network, model.x0, 250), model.theta, [1.0])
        np.testing.assert_allclose(document["mean"]["X"], law.mean()[:, 0], rtol=1e-12)
    code, document, _ = call(capsys, "exact", "birth_death", "--limits", "250", "--stationary")
    assert code == 0
    np.testing.assert_allclose(document["mean"]["X"], document["variance"]["X"], rtol=1e-6)  # a Poisson law
    assert main(["exact", "birth_death", "--limits", "250", "--stationary"]) == 0
    assert "stationary" in capsys.readouterr().out


def test_check_the_machine(capsys):
    code, document, err = call(capsys, "check")
    assert (code, err) == (0, "")
    machine = document["machine"]
    assert machine["versions"]["jax"] == jax.__version__
    assert machine["devices"] == [str(device) for device in jax.devices()]
    large = {"bngl": "bionetgen", "parquet": "pyarrow"}  # which are not in `all`
    there = {extra: importlib.util.find_spec(module) is not None for extra, module in large.items()}
    wanted = {**dict.fromkeys(extras.EXTRAS, True), **there}
    assert {name: now["installed"] for name, now in machine["extras"].items()} == wanted
    assert "model" not in document


def test_check_a_model(capsys, decay):
    code, document, _ = call(capsys, "check", decay)
    model = document["model"]
    assert code == 0
    assert model["states"]["number"] == 21
    assert model["conserved"] == []
    assert "A -> ∅" in model["description"]
    assert model["operations_per_event"]["total"] == sum(model["operations_per_event"]["by_kind"].values())
    assert model["speed"]["events"] == 20 * model["speed"]["paths"]
    assert model["speed"]["events_per_second"] > 0
    code, document, _ = call(capsys, "check", "telegraph", "--no-speed", "--precision", "float64")
    assert document["model"]["conserved"] == [{"weights": {"off": 1, "on": 1}, "value": 1}]
    assert document["model"]["states"]["number"] is None
    assert document["model"]["speed"] is None
    assert main(["check", "telegraph", "--no-speed"]) == 0
    assert "off + on" in capsys.readouterr().out


def test_operations_grow_with_the_model_and_the_precision():
    def total(model, precision="float32"):
        return sum(operations_per_event(model().network, precision).values())

    small, large = total(jumpax.zoo.birth_death), total(jumpax.zoo.vilar_oscillator)
    assert 20 < small < large
    assert total(jumpax.zoo.birth_death, "float64") > small  # two more random words


def test_equal_operations_count_once():
    def law(power):
        return lambda A, k: sum((k * A * A for _ in range(power)), 0.0) / power

    def products(power):
        network = jumpax.Network([jumpax.Reaction("A -> 0", law(power), name="decay")])
        return operations_per_event(network)["mul"]

    assert products(1) == products(5)


def failure(capsys, *words):
    """What a failing command leaves: code, message in JSON, message for people; the same one."""
    code, document, err = call(capsys, *words)
    assert set(document) == {"error"}
    assert document["error"]["exit_code"] == code
    assert f"jumpax: {document['error']['message']}\n" == err
    assert "Traceback" not in err
    return code, err


def test_exit_codes(capsys, decay, tmp_path, monkeypatch):
    bad = (
        ("simulate", "telegrph"),
        ("simulate", decay),  # no times
        ("simulate", decay, "--times", "2,1"),
        ("simulate", decay, "--times", "1", "--theta", "g=1"),
        ("simulate", decay, "--times", "1", "--paths", "many"),
        ("simulate", decay, "--times", "1", "--bogus"),
        ("simulate", decay, "--times", "1", "--seed", str(2**32)),
        ("simulate", decay, "--times", "1", "--out", str(tmp_path / "a.xls")),
        ("simulate", decay, "--times", "1", "--out", str(tmp_path / "a.gdat")),
        ("simulate", decay, "--times", "1", "--figure", str(tmp_path / "none" / "a.png")),
        ("simulate",),
        ("nonsense",),
        ("exact", decay, "--times", "1", "--limits", "A=x"),
    )
    for words in bad:
        assert failure(capsys, *words)[0] == Exit.BAD_INPUT, words
    code, err = failure(capsys, "exact", "birth_death", "--limits", "3", "--times", "5")
    assert code == Exit.SIMULATION
    assert "leak" in err or "left the state space" in err
    monkeypatch.setitem(extras.EXTRAS, "viz", ("no_such_package",))
    code, err = failure(capsys, "simulate", decay, "--times", "1", "--figure", str(tmp_path / "a.png"))
    assert code == Exit.UNSUPPORTED
    assert "pip install 'jumpax[viz]'" in err


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (jumpax.SimulationError("path 3"), Exit.SIMULATION),
        (PermissionError("not yours"), Exit.BAD_INPUT),
        (ZeroDivisionError("oops"), Exit.INTERNAL),
    ],
)
def test_faults_on_the_way(capsys, decay, monkeypatch, fault, code):
    def fail(*args, **settings):
        raise fault

    monkeypatch.setattr(simulate, "simulate", fail)
    assert failure(capsys, "simulate", decay, "--times", "1")[0] == code
    assert main(["simulate", decay, "--times", "1", "--debug"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_the_command_line_itself_may_be_missing(capsys, monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "cli", ("no_such_package",))
    assert main(["check"]) == Exit.UNSUPPORTED
    assert "pip install 'jumpax[cli]'" in capsys.readouterr().err


def test_doubts_are_said_on_standard_error(capsys, tmp_path):
    file = tmp_path / "doubtful.toml"
    law = 'law = "hill", regulator = "A", maximum = 1.0, threshold = 1.0, exponent = 1'
    file.write_text(f'[network]\nreactions = [{{ equation = "2 A -> 0", {law} }}]\n[x0]\nA = 2\n')
    code, document, err = call(capsys, "check", str(file), "--no-speed")
    assert code == 0
    assert err.startswith("jumpax: warning: 2 A -> ∅: has propensity")
    assert document["model"]["doubts"][0] in err


def test_help_names_commands_and_exit_codes(capsys):
    assert main(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(name in out and summary in out for name, summary in app.COMMANDS.items())
    assert all(f"{int(code)} {meaning.split()[0]}" in out for code, meaning in EXIT_CODES.items())
    for name in app.COMMANDS:
        assert main([name, "--help"]) == 0
        assert "--json" in capsys.readouterr().out


def test_bash_completes_commands_and_options(capsys, tmp_path):
    assert main(["--completion", "bash"]) == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    ask = 'COMP_WORDS=(jumpax {0}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _jumpax; echo "${{COMPREPLY[*]}}"'
    asked = "\n".join(ask.format(words) for words in ("si", "simulate --th", "simulate x --engine c"))
    made = subprocess.run(["bash", "-c", f"source {script}\n{asked}"], capture_output=True, text=True, check=True)
    assert made.stdout.splitlines() == ["simulate", "--theta --threads", "cpu"]
    assert main(["--completion", "tcsh"]) == Exit.BAD_INPUT


def test_extras_agree_with_the_package():
    table = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = table["project"]["optional-dependencies"]
    for extra, modules in extras.EXTRAS.items():
        assert {line.split(">")[0].removeprefix("python-").replace("pyyaml", "yaml") for line in wanted[extra]} == set(
            modules
        )


def test_importing_the_package_imports_no_optional_one():
    rooms = [module for modules in extras.EXTRAS.values() for module in modules]
    code = f"import sys, jumpax; print([m for m in {rooms} if m in sys.modules])"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"
    heavy = "'matplotlib' in sys.modules or 'xarray' in sys.modules"
    code = f"import sys; from jumpax.cli import main; main(['--help']); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "jumpax", "simulate", "nope", "--json"], capture_output=True, text=True
    )
    assert done.returncode == Exit.BAD_INPUT
    assert json.loads(done.stdout)["error"]["kind"] == "InputError"


FRACTIONAL = """begin parameters
    1 k 1.0
    2 N 6.022
end parameters
begin species
    1 A() N
    2 B() 0
end species
begin reactions
    1 1 2 k
end reactions
"""


@pytest.mark.parametrize(
    "words",
    [
        ("check", "{}", "--no-speed"),
        ("exact", "{}", "--times", "1"),
        ("simulate", "{}", "--times", "1", "--paths", "3", "--engine", "reference"),
        pytest.param(("audit", "{}", "--times", "1", "--paths", "50"), marks=pytest.mark.long),
    ],
)
def test_every_command_rounds_on_request_and_says_so(capsys, tmp_path, words):
    file = tmp_path / "m.net"
    file.write_text(FRACTIONAL)
    asked = [word.format(file) for word in words]
    code, document, err = call(capsys, *asked)
    assert code == 2
    assert "--round takes 6" in err
    code, document, err = call(capsys, *asked, "--round")
    document = document["model"] if words[0] == "check" else document
    assert (code, document["notes"]) == (0, ["A() starts with 6.022 molecules, taken as 6"])
    assert main([*asked, "--round"]) == 0
    assert "note: A() starts with 6.022 molecules, taken as 6" in capsys.readouterr().out


def test_rounding_of_toml_and_of_options(capsys, tmp_path):
    file = tmp_path / "m.toml"
    file.write_text(DECAY.replace("A = 20", "A = 20.5"))
    assert "20.5" in file.read_text()
    assert call(capsys, "exact", str(file), "--times", "1")[0] == 2
    assert call(capsys, "exact", str(file), "--times", "1", "--round")[1]["x0"] == {"A": 21}
    assert call(capsys, "exact", str(file), "--times", "1", "--round", "--x0", "A=2.5")[1]["x0"] == {"A": 3}


def test_commands_say_that_units_were_converted(capsys, tmp_path):
    file = tmp_path / "m.ant"
    file.write_text(
        "unit substance = 1e-9 mole; compartment c = 1e-15; species A in c; A = 16.6054; A => ; c * k * A; k = 1"
    )
    for words in (("check", str(file), "--no-speed"), ("exact", str(file), "--times", "1")):
        code, document, _ = call(capsys, *words)
        document = document["model"] if words[0] == "check" else document
        assert code == 0
        assert document["notes"][0].startswith("1 nmol is 6.02214179e+14 molecules")
    assert document["units"]["A"] == "molecules, 6.02214179e+14 per nmol"
    checked = call(capsys, "check", str(file), "--no-speed")[1]["model"]
    assert checked["molecules_per_unit"] == {"A": pytest.approx(6.02214179e14)}
    assert "A [molecules, 6.02214179e+14 per nmol]" in checked["description"]


def test_numbers_are_set_by_their_names_and_paths_begin_when_they_are_to(capsys):
    words = (
        "simulate",
        "birth_death",
        "--set",
        "birth=5",
        "--set",
        "X=7,death=2",
        "--times",
        "3,4",
        "--start",
        "3",
        "--paths",
        "9",
    )
    code, told, _ = call(capsys, *words)
    assert code == 0
    assert (told["theta"], told["x0"]) == ({"birth": 5.0, "death": 2.0}, {"X": 7})
    assert told["mean"]["X"][0] == 7
    assert told["provenance"]["start"] == 3.0
    assert main(["simulate", "birth_death", "--set", "X=7", "--x0", "X=3", "--times", "1"]) == 2
    assert "--x0 and --set both give a count of X" in capsys.readouterr().err


def test_a_plan_in_place_of_paths(capsys):
    """As `jumpax.plan` has it, of the shard; for people without `--json`."""
    words = ("simulate", "telegraph", "--paths", "200", "--shard", "1/4", "--plan")
    code, told, _ = call(capsys, *words)
    assert (code, told["command"], told["paths"], told["fits"]) == (0, "simulate --plan", 50, True)
    assert main([*words]) == 0
    assert "50 paths by engine" in capsys.readouterr().out
    code, told, _ = call(capsys, *words, "--at-once", "10")
    assert code == Exit.BAD_INPUT
    assert "leave out --at-once" in told["error"]["message"]
