"""Paths of networks of thousands of reactions: species and reactions along one axis of arrays, lanes along the other."""
