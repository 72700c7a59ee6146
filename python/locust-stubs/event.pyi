"""The names of `locust.event`."""

from gregaria.event import EventHook as EventHook
from gregaria.event import Events as Events
