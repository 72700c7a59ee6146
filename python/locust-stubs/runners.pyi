"""The names of `locust.runners`."""

from gregaria.environment import STATE_CLEANUP as STATE_CLEANUP
from gregaria.environment import STATE_INIT as STATE_INIT
from gregaria.environment import STATE_MISSING as STATE_MISSING
from gregaria.environment import STATE_RUNNING as STATE_RUNNING
from gregaria.environment import STATE_SPAWNING as STATE_SPAWNING
from gregaria.environment import STATE_STOPPED as STATE_STOPPED
from gregaria.environment import STATE_STOPPING as STATE_STOPPING
from gregaria.environment import LocalRunner as LocalRunner
from gregaria.environment import MasterRunner as MasterRunner
from gregaria.environment import Runner as Runner
from gregaria.environment import WorkerRunner as WorkerRunner

#: 0.7: the runner, once there is one.
locust_runner: Runner | None
