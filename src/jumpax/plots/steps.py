"""How a fit went: loss and parameters against step."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from jumpax._base.errors import InputError
from jumpax.plots.look import PALETTE, QUIET, legend_above, new_figure, style, with_unit

_SHORT = 24
"""Letters of a legend that fit on one line of a narrow figure."""


def convergence(
    losses: Sequence[float] | Float[np.ndarray, " steps"],
    parameters: Mapping[str, Sequence[float] | Float[np.ndarray, " steps"]],
    axes: tuple[Axes, Axes] | None = None,
    *,
    truth: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    loss_name: str = "loss",
) -> tuple[Axes, Axes]:
    """Loss above, parameters below, both against the number of the step.

    Parameters stand on a logarithmic axis where all of them are positive; what is known of the true values is drawn as
    dashed lines.

    Args:
        losses: one per step, from step 0.
        parameters: as many values per parameter.
        axes: two axes to draw on; default a new figure with two panels.
        truth: true values, by name of a parameter.
        units: of the parameters, as in `Network.units`.
        loss_name: label of the upper panel.

    Returns:
        Both axes.

    Raises:
        InputError: the histories differ in length.

    Examples:
        >>> upper, lower = convergence([2.0, 1.0], {"k": [1.0, 1.5]}, truth={"k": 1.6})
        >>> lower.get_yscale()
        'log'
    """
    histories = {name: np.asarray(values, float) for name, values in parameters.items()}
    steps = np.arange(len(losses))
    if faults := [f"{name} has {len(v)}" for name, v in histories.items() if v.shape != steps.shape]:
        raise InputError(f"one value per step is needed, for {len(steps)} steps; {', '.join(faults)}")
    truth, units = truth or {}, units or {}
    with style():
        if axes is None:
            upper, lower = new_figure(6.4, 5.2).subplots(2, 1, sharex=True)
        else:
            upper, lower = axes
        upper.plot(steps, np.asarray(losses, float), color=PALETTE[0])
        upper.set_ylabel(loss_name)
        for number, (name, values) in enumerate(histories.items()):
            colour = PALETTE[number % len(PALETTE)]
            lower.plot(steps, values, color=colour, label=with_unit(name, units.get(name)))
            if name in truth:
                lower.axhline(truth[name], color=colour, linestyle=(0, (4, 3)), linewidth=1.0)
        if truth.keys() & histories.keys():
            lower.plot([], [], color=QUIET, linestyle=(0, (4, 3)), linewidth=1.0, label="true value")
        if histories and all((v > 0).all() for v in histories.values()):
            lower.set_yscale("log")
            lower.yaxis.set_major_formatter("{x:g}")
        lower.set_ylabel("parameters")
        lower.set_xlabel("step")
        if histories:
            words = sum(len(with_unit(name, units.get(name))) for name in histories)
            legend_above(lower, 4 if words <= _SHORT else 2)  # a report draws it anew, with less width
    return upper, lower
