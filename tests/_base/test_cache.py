"""JAX's own cache on disk: switched on for what jumpax compiles, never against the user's choice."""

import os
import subprocess
import sys

import pytest

from jumpax._base import cache

RUN = """
import jax, jumpax
{before}
m = jumpax.zoo.birth_death(end=1.0)
run = lambda: jumpax.simulate(m.network, m.theta, m.x0, times=[1.0], paths=8, key=0, engine="xla")
hits = []
jax.monitoring.register_event_listener(lambda name, **more: hits.append(name) if name.endswith("/cache_hits") else None)
print(run().counts.sum(), len(hits) > 0, jax.config.jax_compilation_cache_dir)
"""


def result(tmp_path, before="", **variables):
    kept = {k: v for k, v in os.environ.items() if k not in ("JUMPAX_CACHE", "JAX_COMPILATION_CACHE_DIR")}
    environment = kept | {"JUMPAX_CACHE": str(tmp_path / "jumpax")} | variables
    command = [sys.executable, "-c", RUN.format(before=before)]
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=240)
    assert not out.stderr
    return out.stdout.split()


def test_programs_of_xla_are_read_back(tmp_path):
    first, again = result(tmp_path), result(tmp_path)
    assert first[0] == again[0]
    assert (first[1], again[1]) == ("False", "True")
    assert first[2].startswith(str(tmp_path / "jumpax" / "xla-"))


@pytest.mark.parametrize("variables", [{"JUMPAX_CACHE": "off"}, {"JAX_ENABLE_COMPILATION_CACHE": "false"}])
def test_it_can_be_switched_off(tmp_path, variables):
    assert result(tmp_path, **variables)[2] == "None"


def test_the_choice_of_the_user_stands(tmp_path):
    mine = str(tmp_path / "mine")
    assert result(tmp_path, JAX_COMPILATION_CACHE_DIR=mine)[2] == mine
    later = result(
        tmp_path,
        f"jax.config.update('jax_compilation_cache_dir', {mine!r})",
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",  # theirs too, and its default is a second
    )
    assert later[2] == mine
    assert os.listdir(mine)


def test_what_is_kept_is_looked_at_once_a_day(tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(cache, "keep_within", lambda folder, most: looks.append(most))
    for _ in range(3):
        cache._look_once_a_day(tmp_path)
    assert looks == [cache.MOST_OF_XLA]
    os.utime(tmp_path / "looked", (0, 0))
    cache._look_once_a_day(tmp_path)
    assert len(looks) == 2
