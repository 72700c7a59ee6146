"""The names of `locust.exception`."""

from gregaria.exception import CatchResponseError as CatchResponseError
from gregaria.exception import InterruptTaskSet as InterruptTaskSet
from gregaria.exception import LocustError as LocustError
from gregaria.exception import MissingWaitTimeError as MissingWaitTimeError
from gregaria.exception import RescheduleTask as RescheduleTask
from gregaria.exception import RescheduleTaskImmediately as RescheduleTaskImmediately
from gregaria.exception import ResponseError as ResponseError
from gregaria.exception import StopLocust as StopLocust
from gregaria.exception import StopTest as StopTest
from gregaria.exception import StopUser as StopUser
