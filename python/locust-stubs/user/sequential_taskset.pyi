"""The names of `locust.user.sequential_taskset`."""

from gregaria.task import SequentialTaskSet as SequentialTaskSet
