"""Glycine-receptor records at four concentrations: `python papers/vilar2026/glycine.py FOLDER`; a local example.

FOLDER holds A-10.scn, B-30.scn, C-100.scn and D-1000.scn of https://github.com/DCPROGS/DCPYPS (dcpyps/samples), which are not
part of this repository. The records are idealised already; a dead time of 30 us is imposed, and bursts are cut out at shut
times longer than `CRITICAL`. Within bursts a channel that opens and closes at one rate each is told from the mean times as
they are seen, and by the likelihood that knows of the dead time.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jumpax import MassAction, Network, Reaction
from jumpax.channels import Dwells
from jumpax.exact import StateSpace
from vilar2026.channel_likelihood import maximise

RECORDS = {10: "A-10.scn", 30: "B-30.scn", 100: "C-100.scn", 1000: "D-1000.scn"}
"""By concentration of glycine, uM."""
DEAD, CRITICAL = 30e-6, 3e-3
"""s."""
CHANNEL = Network([Reaction("C -> O", MassAction("opening")), Reaction("O -> C", MassAction("closing"))])


def main(folder: Path) -> None:
    """Print a table."""
    space = StateSpace.reachable(CHANNEL, {"C": 1, "O": 0})
    print("uM     sojourns  open ms  opening 1/ms (corrected)  closing 1/ms (corrected)  open within bursts")
    for concentration, name in RECORDS.items():
        record = Dwells.read(folder / name).resolved(DEAD)
        bursts = record.bursts(CRITICAL)
        seen = {"opening": 1 / bursts.of_level(0).mean(), "closing": 1 / bursts.of_level(1).mean()}
        true = maximise(space, bursts, {"O": 1}, seen, dead_time=DEAD, start="entry", end="finished").rates
        share = bursts.of_level(1).sum() / bursts.durations.sum()
        print(f"{concentration:<6d} {len(record):<9d} {1e3 / seen['closing']:<8.2f} {seen['opening'] / 1e3:.2f} ({true[0] / 1e3:.2f})"
              f"              {seen['closing'] / 1e3:.3f} ({true[1] / 1e3:.3f})             {share:.3f}")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
