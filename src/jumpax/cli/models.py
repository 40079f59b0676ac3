"""From the word that names a model to the model."""

import dataclasses
from collections.abc import Sequence

from jumpax._base.errors import InputError, unknown_name
from jumpax.cli.values import parse_assignments, parse_times
from jumpax.networks import check_counts, check_theta
from jumpax.networks.toml_model import load_model
from jumpax.networks.zoo import MODELS, Model


def find_model(name: str, theta: Sequence[str] = (), x0: Sequence[str] = ()) -> Model:
    """A model of the zoo by name, or one from a TOML file, with some of its numbers replaced.

    Args:
        name: of the zoo, or a file ending in `.toml`.
        theta: words such as `k=1.5`.
        x0: words such as `M=3`.

    Raises:
        InputError: unknown model, or numbers that do not fit it.

    Example:
        >>> find_model("birth_death", ["birth=3"]).theta["birth"]
        3.0
    """
    if name.lower().endswith(".toml"):
        model = load_model(name)
    elif name in MODELS:
        model = MODELS[name]()
    else:
        raise InputError(f"{unknown_name('model', name, MODELS)} A model of your own is a file ending in .toml.")
    values, counts = parse_assignments("--theta", theta), parse_assignments("--x0", x0)
    check_theta(model.network, {**model.theta, **values})
    start = check_counts(model.network, {**model.x0, **counts})
    return dataclasses.replace(
        model, theta={**model.theta, **values}, x0=dict(zip(model.network.species, start.tolist(), strict=True))
    )


def times_for(model: Model, text: str | None) -> tuple[float, ...]:
    """The times asked for, else those of the model.

    Raises:
        InputError: there are none.
    """
    times = model.times if text is None else parse_times(text)
    if not times:
        raise InputError("the model has no times; give --times, for example --times 0:10:1")
    return times
