"""One command in several processes, which a launcher has started."""

import dataclasses
import warnings

import jax

from jumpax._base.devices import Devices
from jumpax._base.errors import InputError, JumpaxWarning
from jumpax.inference import Simulation
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.sources import AbstractSource


def joined(devices: Devices) -> bool:
    """Join the others, if all devices are wanted; whether this process is the one that answers.

    Raises:
        InputError: no launcher has started others, and there is one device only.
    """
    if devices == "one":
        return True
    try:
        jax.distributed.initialize()
    except ValueError as fault:  # JAX finds none
        if jax.device_count() == 1:
            raise InputError(
                "--devices all is for several devices, or for processes that srun, mpirun or Kubernetes starts together: here is one "
                "device and no such launcher; leave it out"
            ) from fault
    first = jax.process_index() == 0
    if not first:
        warnings.simplefilter("ignore", JumpaxWarning)  # they are told once
    return first


def shared(problem: AbstractProblem, devices: Devices) -> AbstractProblem:
    """The same with paths divided among the devices."""

    def divided(source: AbstractSource) -> AbstractSource:
        return dataclasses.replace(source, devices=devices) if isinstance(source, Simulation) else source

    return problem.drawing(divided)
