"""A gene network of 203,796 parameters that reads digits, trained by gradients through exact paths.

Train with `python papers/vilar2026/mnist train`, evaluate any weights with `python papers/vilar2026/mnist evaluate`, and judge
the weights of `weights.npz` with `python papers/run.py vilar2026 mnist`.
"""
