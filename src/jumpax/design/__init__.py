"""From aims to parameters."""

from jumpax.design.pareto import ParetoFront as ParetoFront
from jumpax.design.pareto import pareto_front as pareto_front
