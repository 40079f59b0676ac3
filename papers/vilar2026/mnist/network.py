"""The network: 784 inputs, 256 hidden genes, 10 output genes.

Gene i is made at rate m_i sigma(u_i) and every molecule is lost at rate 1. For hidden genes u = images @ W1 + b1, so their rates
are constant along a path; for output genes u = n @ W2 / 5 + b2, with n the counts of the hidden genes. All counts begin at 0. The
digit read is the output gene with the largest average over a window of time. Trained are W1, W2, one offset b and one maximal
synthesis m per gene (its logarithm): 203,796 numbers.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

INPUTS, HIDDEN, OUTPUTS = 784, 256, 10
PARAMETERS = 203_796
SCALE = 5.0
"""Copies of a hidden gene that count as one unit of regulation."""
SYNTHESIS_HIDDEN, SYNTHESIS_OUTPUT = 5.0, 50.0
"""Maximal synthesis before training."""

Parameters = dict[str, Float[Array, "..."]]
SHAPES = {
    "weights_hidden": (INPUTS, HIDDEN), "offset_hidden": (HIDDEN,), "log_synthesis_hidden": (HIDDEN,),
    "weights_output": (HIDDEN, OUTPUTS), "offset_output": (OUTPUTS,), "log_synthesis_output": (OUTPUTS,),
}  # fmt: skip


def draw_start(seed: int, spread_hidden: float, spread_output: float, offset: float) -> Parameters:
    """Parameters before training: normal weights, the same offset for all hidden genes, no offset for output genes."""
    hidden, output = jax.random.split(jax.random.key(seed))
    start = {name: jnp.zeros(shape, jnp.float32) for name, shape in SHAPES.items()}
    start["weights_hidden"] = spread_hidden * jax.random.normal(hidden, SHAPES["weights_hidden"], jnp.float32)
    start["weights_output"] = spread_output * jax.random.normal(output, SHAPES["weights_output"], jnp.float32)
    start["offset_hidden"] += offset
    start["log_synthesis_hidden"] += jnp.log(SYNTHESIS_HIDDEN)
    start["log_synthesis_output"] += jnp.log(SYNTHESIS_OUTPUT)
    assert sum(value.size for value in start.values()) == PARAMETERS
    return start


def drive(params: Parameters, images: Float[Array, "images 784"]) -> Float[Array, "images 256"]:
    """Synthesis rates of the hidden genes, one row per image."""
    occupied = jax.nn.sigmoid(images @ params["weights_hidden"] + params["offset_hidden"][None])
    return jnp.exp(params["log_synthesis_hidden"])[None] * occupied
