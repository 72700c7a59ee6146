"""The names of `locust.stats`."""

from gregaria.environment import RequestStats as RequestStats
from gregaria.environment import StatsEntry as StatsEntry
