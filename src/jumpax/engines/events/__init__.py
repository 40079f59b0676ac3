"""Paths of networks with events: stretches of plain paths, and what happens between them."""
