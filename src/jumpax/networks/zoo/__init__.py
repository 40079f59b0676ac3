"""Textbook networks with their numbers and sources.

Examples:
    >>> model = MODELS["telegraph"]()
    >>> model.network.species
    ('off', 'on', 'M')
"""

from collections.abc import Callable

from jumpax.networks.zoo.chemistry import asep as asep
from jumpax.networks.zoo.chemistry import association as association
from jumpax.networks.zoo.chemistry import birth_death as birth_death
from jumpax.networks.zoo.chemistry import dimerization as dimerization
from jumpax.networks.zoo.chemistry import driven_ring as driven_ring
from jumpax.networks.zoo.chemistry import schlogl as schlogl
from jumpax.networks.zoo.genes import repressilator as repressilator
from jumpax.networks.zoo.genes import telegraph as telegraph
from jumpax.networks.zoo.genes import telegraph_protein as telegraph_protein
from jumpax.networks.zoo.genes import toggle_switch as toggle_switch
from jumpax.networks.zoo.genes import vilar_oscillator as vilar_oscillator
from jumpax.networks.zoo.model import Model as Model
from jumpax.networks.zoo.populations import lotka_volterra as lotka_volterra
from jumpax.networks.zoo.populations import mm1_queue as mm1_queue
from jumpax.networks.zoo.populations import pure_birth as pure_birth
from jumpax.networks.zoo.populations import seir as seir
from jumpax.networks.zoo.populations import sir as sir

_BUILDERS: tuple[Callable[[], Model], ...] = (
    birth_death,
    pure_birth,
    dimerization,
    association,
    telegraph,
    telegraph_protein,
    repressilator,
    toggle_switch,
    schlogl,
    sir,
    seir,
    lotka_volterra,
    mm1_queue,
    driven_ring,
    asep,
    vilar_oscillator,
)

MODELS: dict[str, Callable[[], Model]] = {build.__name__: build for build in _BUILDERS}
"""Every model of the zoo by name, with its default numbers."""
