"""What a kernel is called with; the same on the device and on the host."""

import numpy as np

REAL = "real"
"""Stands for the type of the real numbers of a program."""

STATE = {
    "reals": REAL, "integers": np.int32, "words": np.uint32, "path": np.int32, "queue": np.int32, "turns": np.uint32,
    "record_integers": np.int32, "record_reals": REAL, "ends": np.int32, "end_times": REAL,
}  # fmt: skip
"""Arrays that a call changes, and their types."""
INPUTS = {
    "theta": REAL, "counts": np.int32, "keys": np.uint32, "first": np.uint32, "start": REAL, "stop_times": REAL,
    "stop_steps": np.int32, "intervals": REAL, "paths": np.int32, "limit": np.int32, "budget": np.int32,
}  # fmt: skip
"""Arrays that it reads."""
ROWS = ("theta", "counts", "keys", "first")
"""Those of them with one row for all paths, or a row for each."""
WHOLES = (*(f"{name}_rows" for name in ROWS), "stops")
"""Whole numbers: 1 where every path has a row of its own, else 0; and how many stops there are."""
