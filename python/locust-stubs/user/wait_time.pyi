"""The names of `locust.user.wait_time`."""

from gregaria.wait_time import between as between
from gregaria.wait_time import constant as constant
from gregaria.wait_time import constant_pacing as constant_pacing
from gregaria.wait_time import constant_throughput as constant_throughput
from gregaria.wait_time import poisson as poisson
