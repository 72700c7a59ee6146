"""The names of `locust.clients`."""

from gregaria._engine import Response as Response
from gregaria.client import HttpSession as HttpSession

ResponseContextManager = Response
