"""The names of `locust`, as `gregaria.as_locust` installs them. `test_types.py` compares the two."""

from gregaria import wait_time as wait_time
from gregaria.event import events as events
from gregaria.exception import InterruptTaskSet as InterruptTaskSet
from gregaria.exception import RescheduleTaskImmediately as RescheduleTaskImmediately
from gregaria.exception import ResponseError as ResponseError
from gregaria.task import DefaultTaskSet as DefaultTaskSet
from gregaria.task import SequentialTaskSet as SequentialTaskSet
from gregaria.task import TaskSet as TaskSet
from gregaria.task import tag as tag
from gregaria.task import task as task
from gregaria.user import FastHttpUser as FastHttpUser
from gregaria.user import HttpLocust as HttpLocust
from gregaria.user import HttpUser as HttpUser
from gregaria.user import Locust as Locust
from gregaria.user import User as User
from gregaria.wait_time import between as between
from gregaria.wait_time import constant as constant
from gregaria.wait_time import constant_pacing as constant_pacing
from gregaria.wait_time import constant_throughput as constant_throughput
from gregaria.wait_time import poisson as poisson

__version__: str
version: str
