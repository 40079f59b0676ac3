"""Object code on disk: kept, found again, safe under many processes, and never trusted blindly."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest

import jumpax
from jumpax._base.cache import cache_folder, keep_within
from jumpax.engines.cpu import engine
from jumpax.engines.cpu.kernel import write
from jumpax.engines.native import machine, objects
from jumpax.engines.program import Program
from jumpax.folds import Snapshots
from tables import same_paths
from targets import TARGETS

MODEL = jumpax.zoo.birth_death(end=1.0)


def simulate():
    engine._kernel.cache_clear()  # as in a new process
    return jumpax.simulate(MODEL.network, MODEL.theta, MODEL.x0, times=[1.0], paths=8, key=0, engine="cpu")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JUMPAX_CACHE", str(tmp_path))
    yield tmp_path / "native"
    engine._kernel.cache_clear()


@pytest.fixture
def compiled(monkeypatch):
    """How often something was compiled."""
    calls, compile_module = [], machine._module
    monkeypatch.setattr(machine, "_module", lambda *given: calls.append(given) or compile_module(*given))
    return calls


def test_a_kernel_is_compiled_once(folder, compiled):
    first, again = simulate(), simulate()
    assert len(compiled) == 1
    assert [file.suffix for file in folder.iterdir()] == [".o"]
    same_paths(first, again)


@pytest.mark.parametrize(
    "damage",
    [
        lambda code: code[:-1],
        lambda code: b"",
        lambda code: b"jumpax object 0\n" + code[16:],
        lambda code: code[:5000] + b"\x55" * 64 + code[5064:],
        lambda code: objects._head(b"k" * 32, code[80:]) + code[80:],
    ],
    ids=["cut", "empty", "another format", "overwritten", "of another program"],
)
def test_what_is_damaged_or_foreign_is_noticed_and_made_anew(folder, compiled, caplog, damage):
    first = simulate()
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    with caplog.at_level(logging.WARNING, "jumpax"):
        again = simulate()
    assert "made anew" in caplog.text
    assert len(compiled) == 2
    assert file.read_bytes() == whole
    same_paths(first, again)


def test_versions_processors_and_programs_have_entries_of_their_own(folder, monkeypatch):
    text, seen = "define void @advance() {\n  ret void\n}\n", []
    monkeypatch.setattr(objects, "kept", lambda program, make: seen.append(program) or b"")
    for target in TARGETS.values():
        machine.kept(text, target, machine.simplify, bytes)
    machine.kept(text, TARGETS["NEON"], machine.optimise, bytes)
    machine.kept(text + " ", TARGETS["NEON"], machine.simplify, bytes)
    monkeypatch.setattr(machine.llvmlite, "__version__", "another")
    machine.kept(text, TARGETS["NEON"], machine.simplify, bytes)
    monkeypatch.setattr(machine.llvm, "llvm_version_info", (99, 0, 0))
    machine.kept(text, TARGETS["NEON"], machine.simplify, bytes)
    assert len(set(seen)) == len(TARGETS) + 4


def test_nothing_is_kept_where_that_is_not_wanted_or_not_possible(tmp_path, monkeypatch, compiled):
    (tmp_path / "file").write_text("not a folder")
    for name in ("off", str(tmp_path / "file")):
        monkeypatch.setenv("JUMPAX_CACHE", name)
        assert cache_folder("native") is None
        simulate()
    monkeypatch.setenv("JUMPAX_CACHE", str(tmp_path))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        simulate()
    assert len(compiled) == 3
    assert not list((tmp_path / "native").iterdir()), "nothing half done is left"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_cannot_be_written_to(folder, compiled):
    folder.mkdir(mode=0o500)
    simulate()
    assert len(compiled) == 1


def test_many_processes_at_once(folder):
    code = (
        "import jumpax; m = jumpax.zoo.birth_death(end=1.0);"
        "print(jumpax.simulate(m.network, m.theta, m.x0, times=[1.0], paths=8, key=0, engine='cpu').counts.sum())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    ended = [process.communicate(timeout=240) for process in running]
    assert {out for out, _ in ended} == {f"{simulate().counts.sum()}\n".encode()}
    assert {error for _, error in ended} == {b""}
    assert len(list(folder.iterdir())) == 1


def test_its_size_is_bounded(tmp_path):
    for i in range(6):
        (tmp_path / str(i)).write_bytes(bytes(100))
        os.utime(tmp_path / str(i), (1000 - i, 1000 - i))
    keep_within(tmp_path, 350)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "1", "2"], "the ones used last"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"HOME": "{}/home"}, "{}/home/.cache/jumpax/native"),
        ("linux", {"XDG_CACHE_HOME": "{}/xdg"}, "{}/xdg/jumpax/native"),
        ("darwin", {"HOME": "{}/home"}, "{}/home/Library/Caches/jumpax/native"),
        ("win32", {"LOCALAPPDATA": "{}/local"}, "{}/local/jumpax/native"),
        ("linux", {"JUMPAX_CACHE": "{}/named"}, "{}/named/native"),
    ],
)
def test_where_it_lies(tmp_path, monkeypatch, platform, variables, expected):
    for name in ("JUMPAX_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    assert str(cache_folder("native")) == expected.format(tmp_path)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("NEON", b"\x7fELF"), ("NEON on macOS", b"\xcf\xfa\xed\xfe"), ("AVX2 on Windows", b"\x64\x86")],
)
def test_code_is_made_for_platforms_that_it_never_ran_on(name, begins):
    target = TARGETS[name]
    text = write(Program(MODEL.network, Snapshots(), "float64"), True, target.words)
    made = machine.machine_for(target)
    code = made.emit_object(machine._module(text, made, machine.simplify))
    assert code.startswith(begins)
    assert np.frombuffer(code, np.uint8).size > 4000
