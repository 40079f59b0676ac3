"""jumpax: differentiable exact stochastic simulation."""
