"""Gene expression and its circuits."""

from jumpax.networks.laws import Hill, MassAction
from jumpax.networks.network import Network
from jumpax.networks.reaction import Reaction
from jumpax.networks.zoo.model import Model, grid


def _promoter() -> list[Reaction]:
    return [
        Reaction("off <-> on", MassAction("k_on"), MassAction("k_off"), name="switch"),
        Reaction("on -> on + M", MassAction("k_tx"), name="transcription"),
        Reaction("M -> ∅", MassAction("gamma"), name="decay_of_M"),
    ]


def telegraph(
    k_on: float = 0.5, k_off: float = 1.0, k_tx: float = 60.0, gamma: float = 1.0, end: float = 50.0
) -> Model:
    """A promoter that switches on and off, and its messenger RNA; the steady state is a beta mixture of Poissons.

    Source: Peccoud and Ycart (1995), https://doi.org/10.1006/tpbi.1995.1027.

    Args:
        k_on: 1/time.
        k_off: 1/time.
        k_tx: molecules/time while on.
        gamma: 1/time, per molecule of M.
        end: last time.
    """
    theta = {"k_on": k_on, "k_off": k_off, "k_tx": k_tx, "gamma": gamma}
    units = dict.fromkeys(theta, "1/time") | {"k_tx": "molecules/time"}
    network = Network(_promoter(), name="telegraph", units=units)
    return Model(network, theta, {"off": 1, "on": 0, "M": 0}, grid(end), "Peccoud and Ycart (1995)")


def telegraph_protein(
    k_on: float = 0.05,
    k_off: float = 0.1,
    k_tx: float = 6.0,
    gamma: float = 1.0,
    k_tl: float = 10.0,
    gamma_P: float = 0.1,
    end: float = 50.0,
) -> Model:
    """The telegraph with a protein P: the three-stage model.

    Source: Shahrezaei and Swain (2008), https://doi.org/10.1073/pnas.0803850105.

    Args:
        k_on: 1/time.
        k_off: 1/time.
        k_tx: molecules/time while on.
        gamma: 1/time, per molecule of M.
        k_tl: proteins/time, per molecule of M.
        gamma_P: 1/time, per protein.
        end: last time.
    """
    reactions = [
        *_promoter(),
        Reaction("M -> M + P", MassAction("k_tl"), name="translation"),
        Reaction("P -> ∅", MassAction("gamma_P"), name="decay_of_P"),
    ]
    theta = {"k_on": k_on, "k_off": k_off, "k_tx": k_tx, "gamma": gamma, "k_tl": k_tl, "gamma_P": gamma_P}
    units = dict.fromkeys(theta, "1/time") | {"k_tx": "molecules/time"}
    network = Network(reactions, name="telegraph_protein", units=units)
    x0 = {"off": 1, "on": 0, "M": 0, "P": 0}
    return Model(network, theta, x0, grid(end), "Shahrezaei and Swain (2008)")


def repressilator(
    beta: float = 10.0,
    K: float = 1.0,
    gamma: float = 1.0,
    exponent: float = 3.0,
    basal: float = 0.0,
    start: tuple[int, int, int] = (5, 1, 0),
    end: float = 3.0,
) -> Model:
    """Three proteins in a ring, each repressing the next: production `basal + beta / (1 + (P / K)^exponent)`.

    Proteins only: messenger RNA is taken to be fast. The deterministic limit oscillates for exponents above 2 and
    beta / (gamma K) large enough (above 3.78 for exponent 3 without basal production).
    Source: Elowitz and Leibler (2000), https://doi.org/10.1038/35002125.

    Args:
        beta: molecules/time, production when not repressed.
        K: molecules of the repressor that halve the production.
        gamma: 1/time, per molecule.
        exponent: Hill exponent, a constant and no parameter.
        basal: molecules/time, production when fully repressed, a constant.
        start: molecules of P1, P2, P3.
        end: last time.
    """
    makes = [
        Reaction(f"∅ -> P{i}", Hill(f"P{j}", "beta", "K", exponent, basal, "repression"), name=f"production_of_P{i}")
        for i, j in ((1, 3), (2, 1), (3, 2))
    ]
    decays = [Reaction(f"P{i} -> ∅", MassAction("gamma"), name=f"decay_of_P{i}") for i in (1, 2, 3)]
    units = {"beta": "molecules/time", "K": "molecules", "gamma": "1/time"}
    network = Network([*makes, *decays], species=("P1", "P2", "P3"), name="repressilator", units=units)
    x0 = dict(zip(network.species, start, strict=True))
    theta = {"beta": beta, "K": K, "gamma": gamma}
    return Model(network, theta, x0, grid(end), "Elowitz and Leibler (2000), without messenger RNA")


def toggle_switch(
    alpha_U: float = 30.0,
    alpha_V: float = 30.0,
    K: float = 10.0,
    gamma: float = 1.0,
    exponent: float = 2.0,
    start: tuple[int, int] = (20, 5),
    end: float = 20.0,
) -> Model:
    """Two genes that repress each other; bistable, with rare switches between U high and V high.

    The structure is that of Gardner, Cantor and Collins (2000), https://doi.org/10.1038/35002131; the numbers are ours.

    Args:
        alpha_U: molecules/time, production of U when not repressed.
        alpha_V: molecules/time, production of V when not repressed.
        K: molecules of the repressor that halve the production.
        gamma: 1/time, per molecule.
        exponent: Hill exponent, a constant and no parameter.
        start: molecules of U and V.
        end: last time.
    """
    reactions = [
        Reaction("∅ -> U", Hill("V", "alpha_U", "K", exponent, kind="repression"), name="production_of_U"),
        Reaction("∅ -> V", Hill("U", "alpha_V", "K", exponent, kind="repression"), name="production_of_V"),
        Reaction("U -> ∅", MassAction("gamma"), name="decay_of_U"),
        Reaction("V -> ∅", MassAction("gamma"), name="decay_of_V"),
    ]
    units = {"alpha_U": "molecules/time", "alpha_V": "molecules/time", "K": "molecules", "gamma": "1/time"}
    network = Network(reactions, species=("U", "V"), name="toggle_switch", units=units)
    theta = {"alpha_U": alpha_U, "alpha_V": alpha_V, "K": K, "gamma": gamma}
    x0 = {"U": start[0], "V": start[1]}
    return Model(network, theta, x0, grid(end), "Gardner, Cantor and Collins (2000)")


VILAR_RATES = {
    "alpha_A": 50.0,
    "alpha_Ap": 500.0,
    "alpha_R": 0.01,
    "alpha_Rp": 50.0,
    "beta_A": 50.0,
    "beta_R": 5.0,
    "delta_MA": 10.0,
    "delta_MR": 0.5,
    "delta_A": 1.0,
    "delta_R": 0.2,
    "gamma_A": 1.0,
    "gamma_R": 1.0,
    "gamma_C": 2.0,
    "theta_A": 50.0,
    "theta_R": 100.0,
}
"""1/h, per molecule or per pair."""

_VILAR_REACTIONS = (
    ("A + R -> C", "gamma_C", "complexation"),
    ("A -> ∅", "delta_A", "decay_of_A"),
    ("C -> R", "delta_A", "decay_of_A_in_C"),
    ("R -> ∅", "delta_R", "decay_of_R"),
    ("A + DA -> DAp", "gamma_A", "binding_of_A_to_DA"),
    ("DAp -> A + DA", "theta_A", "release_of_A_from_DA"),
    ("DA -> DA + MA", "alpha_A", "transcription_of_DA"),
    ("DAp -> DAp + MA", "alpha_Ap", "transcription_of_DAp"),
    ("MA -> ∅", "delta_MA", "decay_of_MA"),
    ("MA -> MA + A", "beta_A", "translation_of_MA"),
    ("A + DR -> DRp", "gamma_R", "binding_of_A_to_DR"),
    ("DRp -> A + DR", "theta_R", "release_of_A_from_DR"),
    ("DR -> DR + MR", "alpha_R", "transcription_of_DR"),
    ("DRp -> DRp + MR", "alpha_Rp", "transcription_of_DRp"),
    ("MR -> ∅", "delta_MR", "decay_of_MR"),
    ("MR -> MR + R", "beta_R", "translation_of_MR"),
)


def vilar_oscillator(end: float = 200.0, **rates: float) -> Model:
    """Circadian oscillator of an activator A and a repressor R: 9 species, 16 reactions, a period of about 25 h.

    Source: Vilar, Kueh, Barkai and Leibler (2002), https://doi.org/10.1073/pnas.092133899.

    Args:
        end: last time, h.
        **rates: other values for some of `VILAR_RATES`, 1/h.
    """
    reactions = [Reaction(equation, MassAction(rate), name=name) for equation, rate, name in _VILAR_REACTIONS]
    species = ("DA", "DAp", "MA", "DR", "DRp", "MR", "C", "A", "R")
    units = dict.fromkeys(VILAR_RATES, "1/h") | {"time": "h"}
    network = Network(reactions, species=species, name="vilar_oscillator", units=units)
    x0 = dict.fromkeys(species, 0) | {"DA": 1, "DR": 1}
    reference = "Vilar, Kueh, Barkai and Leibler (2002)"
    return Model(network, VILAR_RATES | rates, x0, grid(end), reference)
