"""Formulas as small trees, which files and events are read as."""
