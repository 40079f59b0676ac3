"""Glycine-receptor records at four concentrations: `python papers/vilar2026/glycine.py FOLDER`; a local example.

FOLDER holds A-10.scn, B-30.scn, C-100.scn and D-1000.scn of https://github.com/DCPROGS/DCPYPS (dcpyps/samples), which are not
part of this repository. The records are idealised already; a dead time of 30 us is imposed, and bursts are cut out at shut
times longer than `CRITICAL`. Within bursts a channel that opens and closes at one rate each is told from counts of openings
and closings, as they are, and corrected for what the dead time hides: by simulated records with the same dead time.
"""

import struct
import sys
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Bool, Float

import jumpax
from jumpax import MassAction, Network, Reaction

RECORDS = {10: "A-10.scn", 30: "B-30.scn", 100: "C-100.scn", 1000: "D-1000.scn"}
"""By concentration of glycine, uM."""
DEAD, CRITICAL = 0.03, 3.0
"""ms."""
CHANNEL = Network([Reaction("C -> O", MassAction("opening")), Reaction("O -> C", MassAction("closing"))])


def read(path: Path) -> tuple[Float[np.ndarray, " intervals"], Bool[np.ndarray, " intervals"]]:
    """Durations in ms, and whether open; little-endian SCN: version, first byte, number; then durations and amplitudes."""
    raw = path.read_bytes()
    _, first, many = struct.unpack("<iii", raw[:12])
    duration = np.frombuffer(raw, "<f4", many, first - 1).astype(float)
    opened = np.frombuffer(raw, "<i2", many, first - 1 + 4 * many) != 0
    end = np.flatnonzero(~opened)[-1]
    return duration[:end], opened[:end]


def resolved(duration: np.ndarray, opened: np.ndarray, dead: float) -> tuple[np.ndarray, np.ndarray]:
    """Intervals shorter than the dead time, and equal neighbours, join the one before."""
    lengths: list[float] = []
    kinds: list[bool] = []
    for length, kind in zip(duration.tolist(), opened.tolist(), strict=True):
        if lengths and (length < dead or kind == kinds[-1]):
            lengths[-1] += length
        elif lengths or length >= dead:
            lengths.append(length)
            kinds.append(kind)
    return np.array(lengths), np.array(kinds, bool)


def apparent(lengths: np.ndarray, kinds: np.ndarray) -> Float[np.ndarray, "2"]:
    """Rates of opening and closing within bursts, 1/ms: one over the mean resolved shut and open time."""
    return 1 / np.array([lengths[~kinds & (lengths < CRITICAL)].mean(), lengths[kinds].mean()])


def corrected(wanted: np.ndarray, paths: int = 100, steps: int = 10) -> Float[np.ndarray, "2"]:
    """Rates whose simulated records, seen with the same dead time, have these apparent rates; score-function slopes."""
    u = np.log(wanted)
    for step in range(steps):
        theta = dict(zip(CHANNEL.parameters, np.exp(u).tolist(), strict=True))
        log = jumpax.simulate(
            CHANNEL, theta, {"C": 1, "O": 0}, times=[100.0], paths=paths, key=step, record=jumpax.Events()
        ).log
        score = jax.jacfwd(lambda theta, log=log: jumpax.log_likelihood(CHANNEL, theta, log, 100.0))(theta)
        score = np.stack([np.asarray(score[name]) * theta[name] for name in CHANNEL.parameters], -1)
        seen = []
        for path in range(paths):
            times, reactions = log.of(path)
            seen.append(np.log(apparent(*resolved(np.diff(times), reactions[:-1] == 0, DEAD))))
        rows = np.array(seen)
        slope = (rows - rows.mean(0)).T @ score / paths
        move = np.linalg.solve(slope, np.log(wanted) - rows.mean(0))
        u = u + 0.7 * move * min(1.0, 0.5 / np.abs(move).max())
    return np.exp(u)


def main(folder: Path) -> None:
    """Print a table."""
    jax.config.update("jax_enable_x64", True)
    print("uM     sojourns  open ms  opening 1/ms (corrected)  closing 1/ms (corrected)  open within bursts")
    for concentration, name in RECORDS.items():
        lengths, kinds = resolved(*read(folder / name), DEAD)
        rates = apparent(lengths, kinds)
        opening, closing = corrected(rates)
        inside = kinds | (lengths < CRITICAL)
        share = lengths[kinds].sum() / lengths[inside].sum()
        print(f"{concentration:<6d} {len(lengths):<9d} {lengths[kinds].mean():<8.2f} {rates[0]:.2f} ({opening:.2f})"
              f"              {rates[1]:.3f} ({closing:.3f})             {share:.3f}")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
