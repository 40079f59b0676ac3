"""Searches of whole boxes with few paths, by regression on paths that each have parameters of their own."""

from jumpax.inference.exploration.by_condition import ByCondition
from jumpax.inference.exploration.by_mean_field import Places, corrected, mean_field_places
from jumpax.inference.exploration.explore import Exploration, Visit, explore
from jumpax.inference.exploration.plain import Plain
from jumpax.inference.exploration.responses import Responses
from jumpax.inference.exploration.scattered import Scattered

__all__ = [
    "ByCondition",
    "Exploration",
    "Places",
    "Plain",
    "Responses",
    "Scattered",
    "Visit",
    "corrected",
    "explore",
    "mean_field_places",
]
