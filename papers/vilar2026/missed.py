"""Rates of two identical channels by the likelihood that knows of missed events: `python papers/vilar2026/missed.py`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from jumpax.channels import Dwells
from jumpax.exact import StateSpace
from vilar2026 import recording
from vilar2026.channel import ITEM, MODELS
from vilar2026.channel_likelihood import maximise


def main() -> None:
    """Print opening and closing rates by dead time."""
    (trace, interval), (network, x0, *_) = recording.current(), MODELS["identical"]
    record = Dwells.of_samples(np.digitize(trace, ITEM.settings["thresholds"]), interval)
    space = StateSpace.reachable(network, x0)
    first = dict(zip(network.parameters, ITEM.settings["start"]["identical"], strict=True))
    for samples in ITEM.settings["dead"][1:]:
        dead = samples * interval
        rates = maximise(space, record.resolved(dead), {"O": 1}, first, dead_time=dead).rates
        print(f"{samples} samples: {rates[0]:,.0f} and {rates[1]:,.0f} /s")


if __name__ == "__main__":
    main()
