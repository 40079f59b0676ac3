"""The models that peers are given: what is written for bngsim has the propensities that all others have."""

import sys
from pathlib import Path

import numpy as np
import pytest

import jumpax

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
sys.path[:0] = [str(PEERS), str(PEERS.parent)]

import models  # noqa: E402

import peers_run  # noqa: E402


@pytest.mark.parametrize("name", models.ALL)
def test_networks_written_for_bionetgen_have_the_propensities_of_the_model(name, tmp_path):
    model, file = models.get(name), tmp_path / "model.net"
    file.write_text(models.net(model))
    read = jumpax.read(file)
    columns = [next(s for s in read.network.species if s.removesuffix("()") == name) for name in model.species]
    assert [read.x0[column] for column in columns] == list(model.start.values())
    draw = np.random.default_rng(20261129)
    for _ in range(5):
        counts = dict(zip(columns, draw.integers(0, 30, len(columns)).astype(float), strict=True))
        found = read.network.propensities(tuple(counts[s] for s in read.network.species), read.theta, 0.0)
        names = {name: counts[column] for name, column in zip(model.species, columns, strict=True)}
        wanted = [eval(model.propensity(r), {"pow": pow}, {**model.parameters, **names}) for r in model.reactions]
        np.testing.assert_allclose(np.array(found, float), wanted, rtol=1e-5)


def test_bngsim_is_among_the_peers_and_one_long_path_among_the_rows(monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        return type("Done", (), {"stdout": '{"peer": "x", "model": "y", "rate": 1.0}\n', "stderr": ""})

    monkeypatch.setattr(peers_run, "interpreter", lambda peer, folder: peer)
    monkeypatch.setattr(peers_run.subprocess, "run", run)
    rows = peers_run.run(True, Path(), lambda line: None)
    assert {command[0] for command in asked} == {"jumpax", "bioscrape", "copasi", "rebop", "bngsim"}
    assert all((PEERS / f"peer_{peer}.py").exists() for peer in peers_run.TOOLS)
    assert all(any(PEERS.glob(f"*_{peer}.py")) for peer in peers_run.PYPI)
    alone = [command for command in asked if "--until" in command]
    assert len(alone) == len(peers_run.TOOLS)
    assert all(command[3] == "1" for command in alone)
    assert [row["model"] for row in rows[-len(alone) :]] == ["telegraph, one path"] * len(alone)
