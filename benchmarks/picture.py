"""Bars from the files in `benchmarks/results`: events per second, on a logarithmic axis, side by side."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

RESULTS = Path(__file__).parent / "results"
FIGURES = Path(__file__).parents[1] / "docs" / "figures"


def bars(axes: Axes, rows: list[dict]) -> None:
    """One group of bars for each model, one bar in it for each tool; a missing row leaves a gap."""
    groups, names = (list(dict.fromkeys(row[key] for row in rows)) for key in ("model", "bar"))
    width, places = 0.84 / len(names), np.arange(len(groups))
    rates = {(row["model"], row["bar"]): row["events_per_second"] for row in rows}
    for i, name in enumerate(names):
        heights = [rates.get((g, name)) or np.nan for g in groups]
        axes.bar(places + (i - (len(names) - 1) / 2) * width, heights, width, label=name)
    axes.set(yscale="log", ylabel="events per second of one core", xticks=places)
    axes.set_xticklabels([name.replace("_", "\n") for name in groups])
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(ncols=min(len(names), 5), frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def read(name: str) -> list[dict]:
    """Rows of a file of results; none if it has not been made."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text())["rows"] if file.exists() else []


def kernels() -> list[dict]:
    """The loops on one core that count states alone, named after engine and precision."""
    rows = [row for row in read("kernels") if row["threads"] == 1 and row["fold"] == "states"]
    return [row | {"bar": f"jumpax {row['engine']} {row['precision']}"} for row in rows]


def peers() -> list[dict]:
    """All tools, named with their version; jumpax with its default engine and, from the other file, with `xla`."""
    rows = [row | {"bar": f"{row['peer']} {row.get('version', '')}".strip()} for row in read("peers")]
    ours = [row | {"bar": "jumpax cpu float32"} for row in rows if row["peer"] == "jumpax"]
    models = {row["model"] for row in ours}
    xla = [row for row in kernels() if row["bar"] == "jumpax xla float32" and row["model"] in models]
    return [*ours, *xla, *(row for row in rows if row["peer"] != "jumpax")]


def draw(folder: Path = FIGURES) -> list[Path]:
    """Draw what has been measured; says what was written."""
    written = []
    for name, rows in (("kernels", kernels()), ("peers", peers())):
        if not rows:
            continue
        figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
        bars(axes, rows)
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1], dpi=110, metadata={"Software": None})
        plt.close(figure)
    return written
