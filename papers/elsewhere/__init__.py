"""Other domains: a queue, an epidemic, hopping on a disordered lattice; each on an exact reference."""

from elsewhere import lattice, queue, seir

ITEMS = {
    "queue": queue.ITEM,
    "seir": seir.ITEM,
    "lattice": lattice.ITEM,
}
"""One system each."""
