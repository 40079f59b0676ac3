"""jumpax: differentiable exact stochastic simulation.

The public names stand in `__init__.pyi`. Each is loaded when it is first used, so that a first simulation does not wait
for inference and importers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.2.0"
