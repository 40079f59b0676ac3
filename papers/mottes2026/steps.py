"""Steps of the natural gradient with less of a floor under the ill-conditioned directions."""

import optax

from jumpax.inference import scale_by_information


def newton(rate: float, floor: float, decay: float, longest: float = 0.7) -> optax.GradientTransformation:
    """As the default of `jumpax.fit`, where eigenvalues of the Fisher information below 0.02 of the largest are raised to it.

    Args:
        rate: 1 is Fisher scoring; less for noisy gradients.
        floor: least eigenvalue, relative to the largest.
        decay: of the running mean of the information; 0 for exact ones.
        longest: step before the rate, in logarithms of parameters.
    """
    steps = (scale_by_information(decay, floor), optax.clip_by_global_norm(longest), optax.scale_by_learning_rate(rate))
    return optax.chain(*steps)
