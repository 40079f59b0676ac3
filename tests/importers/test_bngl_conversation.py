"""Our side of the conversation with BioNetGen, with a stand-in for it: how it is found, what it is given, what of its words is told."""

import json
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from model_files import written

import jumpax
from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers import bngl

RULES = """begin model
begin parameters
k 0.5
end parameters
begin seed species
A() 10
end seed species
begin reaction rules
A() -> 0 k
end reaction rules
end model
simulate({method=>"ode"})
"""
NET = """begin parameters
  1 k 0.5
end parameters
begin species
  1 A() 10
end species
begin reactions
  1 1 0 k
end reactions
"""
HEARD = """import json, os, pathlib, sys, time
asked = {"words": sys.argv[1:], "folder": os.getcwd(), "rules": pathlib.Path(sys.argv[-1]).read_text()}
pathlib.Path(%r).write_text(json.dumps(asked))
net = pathlib.Path(sys.argv[2], "model.net")
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Install a BNG2.pl that does this, with a perl that is Python; what it was asked is in the file `heard`."""
    folder = tmp_path / "tools"
    folder.mkdir()
    perl = folder / "perl"
    perl.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    perl.chmod(perl.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("BNGPATH", str(folder))

    def install(does):
        (folder / "BNG2.pl").write_text(HEARD % str(tmp_path / "heard") + does)
        return written(tmp_path, "decay.bngl", RULES)

    return install


def test_it_is_given_the_blocks_in_a_folder_of_its_own_and_its_network_is_read(stand_in, tmp_path):
    model = jumpax.read(stand_in(f"net.write_text({NET!r})"))
    asked = json.loads((tmp_path / "heard").read_text())
    option, folder, file = asked["words"]
    assert (option, file, asked["folder"]) == ("--outdir", f"{folder}/model.bngl", folder)
    assert not Path(folder).exists()
    assert asked["rules"].endswith("end reaction rules\ngenerate_network({overwrite=>1})\n")
    assert "simulate" not in asked["rules"]
    assert (model.x0, model.theta, model.network.name) == ({"A()": 10}, {"k": 0.5}, "decay")
    assert [float(a) for a in model.network.propensities((np.float32(7.0),), {"k": np.float32(0.5)}, 0.0)] == [3.5]
    assert model.notes == (
        "the network that BioNetGen made of the rules",
        "actions that are left out: simulate; jumpax.read_protocol reads what they draw",
    )
    assert model.reference.endswith("decay.bngl")


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("sys.exit('ABORT: k is  not\\ndefined')", "does not take .*decay.bngl: ABORT: k is not defined$"),
        ("print('line 3 is odd in ' + sys.argv[-1])", "does not take .*decay.bngl: line 3 is odd in model.bngl$"),
        ("net.write_text('x'); sys.exit(4)", "does not take .*decay.bngl: it ends with status 4 and no word$"),
        ("net.write_text('begin species\\n')", "decay.bngl cannot be used:\n- the block 'species' has no end"),
    ],
)
def test_what_it_says_of_a_fault_is_told(stand_in, does, told):
    with pytest.raises(InputError, match=told):
        jumpax.read(stand_in(does))


def test_it_has_so_long_and_no_longer(stand_in, monkeypatch):
    monkeypatch.setattr(bngl, "_SECONDS", 0.5)
    with pytest.raises(UnsupportedError, match=r"no network of .*decay.bngl in 0.5 s; .* max_stoich or max_iter"):
        jumpax.read(stand_in("time.sleep(60)"))


def test_without_perl_it_is_not_asked(stand_in, tmp_path):
    file = stand_in("")
    (tmp_path / "tools" / "perl").unlink()
    with pytest.raises(UnsupportedError, match="and Perl"):
        jumpax.read(file)
    assert not (tmp_path / "heard").exists()
