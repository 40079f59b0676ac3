"""Pathwise gradients in reverse mode: paths drawn again from checkpoints, segment by segment, and swept backwards."""
