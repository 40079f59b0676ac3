"""Pictures: the learning curve, accuracy against events, paths of one image, and what is taken for what."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from jumpax.plots import new_figure, style


def draw(settings, results) -> Figure:
    """All four, two by two."""
    figure = new_figure(9.0, 7.0)
    with style():
        (curve, windows), (paths, confusion) = figure.subplots(2, 2)
        _curve(curve, results["history"])
        _windows(windows, results, settings["surrogate"])
        _paths(paths, results["example"], results["window"])
        _confusion(confusion, np.array(results["confusion"]))
    return figure


def _curve(axes, history) -> None:
    images = [line["epoch"] for line in history]
    for number, name in enumerate(history[0]["validation"] if history else ()):
        axes.plot(
            images,
            [100 - 100 * line["validation"][name] for line in history],
            ".-",
            color=f"C{number}",
            label=f"validation, {name}",
        )
    axes.plot(
        images, [100 - 100 * line["accuracy"] for line in history], ":", color="k", label="training, shifted images"
    )
    axes.axhline(1.6, color="k", lw=0.8)
    axes.set(yscale="log", xlabel="passes through 55,000 images", ylabel="misread, %")
    _ticks(axes.yaxis, [1, 1.6, 2, 3, 5, 10, 20])
    axes.legend(fontsize=7)


def _windows(axes, results, surrogate) -> None:
    lines = results["windows"]
    events, wrong = [line["events_per_image"] for line in lines], [100 - 100 * line["accuracy"] for line in lines]
    axes.errorbar(
        events, wrong, yerr=[100 * np.sqrt(w / 100 / results["images"]) for w in wrong], fmt="o-", label="this network"
    )
    for line, x, y in zip(lines, events, wrong, strict=True):
        axes.annotate(
            "{:g}-{:g}".format(*line["window"]), (x, y), textcoords="offset points", xytext=(4, 4), fontsize=7
        )
    axes.plot(
        [row[0] for row in surrogate],
        [100 - row[1] for row in surrogate],
        "s",
        mfc="none",
        color="C1",
        label="trained with a diffusion surrogate",
    )
    axes.axhline(1.6, color="k", lw=0.8)
    axes.set(xscale="log", xlabel="events per image, from time 0", ylabel="misread, %")
    _ticks(axes.xaxis, [1000, 2000, 4000, 8000, 16000])
    axes.legend(fontsize=7)


def _ticks(axis, places) -> None:
    """Plain numbers on a logarithmic axis."""
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def _paths(axes, example, window) -> None:
    counts = np.array(example["counts"])
    for digit in range(counts.shape[1]):
        chosen = digit == example["label"]
        axes.step(
            example["times"],
            counts[:, digit],
            where="post",
            color=f"C{digit}",
            lw=1.4 if chosen else 0.7,
            label=f"{digit}",
        )
    axes.axvspan(*window, color="0.92", zorder=0)
    axes.set(
        xlabel="time, lifetimes of a molecule",
        ylabel="copies of an output gene",
        title=f"one path for an image of a {example['label']}",
    )
    axes.legend(fontsize=6, ncols=2, loc="upper left")


def _confusion(axes, confusion) -> None:
    wrong = confusion - np.diag(np.diag(confusion))
    axes.imshow(wrong, cmap="Blues")
    for true, read in np.argwhere(wrong):
        colour = "w" if wrong[true, read] > wrong.max() / 2 else "k"
        axes.text(read, true, wrong[true, read], ha="center", va="center", fontsize=7, color=colour)
    axes.set(
        xlabel="read",
        ylabel="true",
        xticks=range(10),
        yticks=range(10),
        title=f"{wrong.sum()} of {confusion.sum()} misread",
    )
