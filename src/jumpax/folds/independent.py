"""Species that move independently, and how the others follow them."""

import functools

import numpy as np
from jaxtyping import Float

from jumpax.networks import Network


@functools.cache
def independent_species(network: Network) -> tuple[int, ...]:
    """Numbers of species whose changes determine those of all others: as many as the rank of the stoichiometry."""
    chosen: list[int] = []
    for d in range(len(network.species)):
        if np.linalg.matrix_rank(network.stoichiometry[[*chosen, d]]) > len(chosen):
            chosen.append(d)
    return tuple(chosen)


@functools.cache
def embedding(network: Network) -> Float[np.ndarray, "species independent"]:
    """How all counts move when those of the independent species do; 1 and 0 in the rows of these."""
    zeta = np.asarray(network.stoichiometry, float)
    made = np.linalg.lstsq(zeta[list(independent_species(network))].T, zeta.T, rcond=None)[0].T
    made = np.where(np.abs(made - np.round(made)) < 1e-9, np.round(made), made)
    made.setflags(write=False)
    return made
