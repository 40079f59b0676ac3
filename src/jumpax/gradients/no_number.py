"""Why an expectation is not a number."""

import jax
import numpy as np
from jax import core

from jumpax._base.errors import SimulationError
from jumpax._base.types import ParameterValues
from jumpax.gradients.sampling import Sampling
from jumpax.networks.ceiling import check_ceilings


def why_no_number(sampling: Sampling, theta: ParameterValues) -> SimulationError:
    """The error to raise, for parameters of which some may be traced.

    Raises:
        UnsupportedError: rates that depend on time have no largest value there, which is why.
    """
    known = {name: value for name, value in theta.items() if not isinstance(value, core.Tracer)}
    if sampling.bound is None and sampling.network.thinned and len(known) == len(theta):
        some = np.ones(len(sampling.network.species))
        counts = some if sampling.x0 else np.maximum(sampling.counts, some)
        check_ceilings(sampling.network, counts, theta, sampling.start)
    shown = ", ".join(f"{name} = {float(value):g}" for name, value in known.items() if not np.ndim(value))
    bounds = sampling.bound if isinstance(sampling.bound, tuple) else (sampling.bound,)
    numbers = ", ".join(f"{bound:g}" for bound in bounds if bound is not None)
    broken = f" (the total propensity exceeds bound = {numbers}?)" if numbers else ""
    apart = ""
    if sampling.devices == "all" and jax.process_count() > 1:
        apart = " Or processes called it with different parameters or keys: with devices='all' they must be the same."
    return SimulationError(
        f"the expectation is not a number at {shown}: a path was faulty{broken}, or the observable gives NaN. "
        f"jumpax.simulate with the same network, theta and key names the path, the reaction and the state.{apart}"
    )
