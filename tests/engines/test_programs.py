"""What is compiled and what is imported: new numbers never recompile, equal networks share a program, imports are light."""

import subprocess
import sys

import numpy as np
import pytest

import jumpax
from jumpax.engines import xla
from jumpax.folds import ReactionCounts, Score


def network():
    return jumpax.Network(
        [
            jumpax.Reaction("∅ -> X", jumpax.MassAction("in")),
            jumpax.Reaction("X -> ∅", jumpax.MassAction("out")),
            jumpax.Reaction("X -> Y", jumpax.Hill("X", "most", "half", 2.0)),
        ]
    )


THETA = {"in": 5.0, "out": 1.0, "most": 2.0, "half": 3.0}


def simulate(model=None, theta=THETA, **options):
    options = {"times": [0.5, 1.0], "paths": 64, "key": 0, "engine": "xla"} | options
    return jumpax.simulate(model or network(), theta, {"X": 1, "Y": 0}, **options)


def compiled():
    return xla._advance._cache_size()


def test_new_numbers_never_recompile():
    simulate()
    before = compiled()
    first = simulate(theta=THETA | {"in": 50.0}, key=7).mean()
    assert (first != simulate(theta={k: np.float32(v) for k, v in THETA.items()}).mean()).any()
    simulate(times=[0.1, 3.0], paths=50, max_events=1000)
    simulate(times=[1.0, 1.5], start=1.0, paths=1)
    assert compiled() == before


def test_equal_networks_and_folds_share_a_program():
    def record(model):
        return [Score(model, ("in",)), ReactionCounts(model)]

    one, other = network(), network()
    assert one is not other
    simulate(one, record=record(one))
    before = compiled()
    simulate(other, record=record(other))
    assert compiled() == before


def test_another_precision_or_fold_is_another_program():
    simulate()
    before = compiled()
    simulate(precision="float64", times=[0.5, 300.0])  # many calls of one program
    assert compiled() == before + 1


def fresh(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize(
    "room", ["matplotlib", "xarray", "llvmlite", "rich", "cyclopts", "msgspec", "h5netcdf", "scipy.stats"]
)
def test_import_is_light(room):
    assert "jumpax.engines" in LOADED.get()
    assert room not in LOADED.get()


class _Loaded:
    """Modules that the public names load, all of them, asked for once."""

    names: list[str] | None = None

    def get(self):
        if self.names is None:
            self.names = fresh(
                "import sys, jumpax; [getattr(jumpax, n) for n in jumpax.__all__]; print(*sys.modules)"
            ).split()
        return self.names


LOADED = _Loaded()


def test_import_takes_under_half_as_long_again_as_jax_and_equinox():
    """With what a first simulation needs. The least of five, of processor time, in turns."""
    clock = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"
    ours, theirs = [], []
    for _ in range(5):
        theirs.append(float(fresh(clock.format("jax, equinox"))))
        ours.append(float(fresh(clock.format("jumpax; jumpax.simulate"))))
    assert min(ours) < 1.5 * min(theirs)
