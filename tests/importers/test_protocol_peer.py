"""Where BioNetGen is installed: its own runs of the same actions begin at the counts and times at which ours begin, after the ends that they had."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from model_files import written
from test_protocol import STARTS

import jumpax
from jumpax.importers import bngl

RULES = """begin model
begin parameters
g 1
n 4
k 10
twice 2*g
end parameters
begin molecule types
X()
E()
A(s~u,b)
B(a)
end molecule types
begin seed species
X() n
$E() 3
A(s~u,b!1).B(a!1) 0
end seed species
begin reaction rules
0 -> X() k
X() -> 0 g
A(s~u,b!1).B(a!1) -> 0 twice DeleteMolecules
X() + E() -> A(s~u,b!1).B(a!1) + E() g
end reaction rules
end model
"""


class Ends:
    """The end of a run of BioNetGen, as one path."""

    def __init__(self, counts):
        self.species = tuple(name for name in counts if name != "E()")
        self.counts = np.array([[[counts[name] for name in self.species]]]).astype(int)


@pytest.mark.skipif(bngl._program() is None or shutil.which("perl") is None, reason="needs BioNetGen")
@pytest.mark.parametrize("case", STARTS)
def test_runs_begin_where_those_of_bionetgen_begin(case, tmp_path):
    """Its continued runs write no row at their start: of these the first time is looked at."""
    actions, number = [], 0
    for action in STARTS[case][0]:
        named = action.replace("({", f'({{suffix=>"r{number}",') if action.startswith("simulate") else action
        number += named != action
        actions.append(named.replace("continue=>1", f"continue=>{int(number > 1)}"))
    rules = written(tmp_path, "m.bngl", RULES + "generate_network({overwrite=>1})\n" + "\n".join(actions) + "\n")
    subprocess.run(["perl", str(bngl._program()), str(rules)], cwd=tmp_path, check=True, capture_output=True)
    done = {}
    for run in jumpax.read_protocol(rules).runs:
        net, rows = (tmp_path / f"{run.name}.net").read_text(), np.loadtxt(tmp_path / f"{run.name}.cdat", ndmin=2)
        species = re.findall(
            r"^ +\d+ \$?(\S+) \S+$", net.split("begin species")[1].split("end species")[0], re.MULTILINE
        )
        first, last = (dict(zip(species, row[1:], strict=True)) for row in (rows[0], rows[-1]))
        if rows[0, 0] == run.times[0]:
            start = {name: float(np.squeeze(count)) for name, count in run.start(done).items()}
            assert first == {**start, "E()": run.model.theta["E()"]}
        else:
            assert rows[:, 0].tolist() == list(run.times[1:])
        done[run.name] = Ends(last)
