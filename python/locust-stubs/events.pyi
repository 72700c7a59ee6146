"""The names of `locust.events` in 0.7: the hooks of `events` in `locust`."""

import gregaria.event

EventHook = gregaria.event.EventHook

cpu_warning: gregaria.event.EventHook
hatch_complete: gregaria.event.EventHook
heartbeat_received: gregaria.event.EventHook
heartbeat_sent: gregaria.event.EventHook
init: gregaria.event.EventHook
init_command_line_parser: gregaria.event.EventHook
locust_error: gregaria.event.EventHook
locust_start_hatching: gregaria.event.EventHook
locust_stop_hatching: gregaria.event.EventHook
master_start_hatching: gregaria.event.EventHook
master_stop_hatching: gregaria.event.EventHook
quit: gregaria.event.EventHook
quitting: gregaria.event.EventHook
report_to_master: gregaria.event.EventHook
request: gregaria.event.EventHook
request_failure: gregaria.event.EventHook
request_success: gregaria.event.EventHook
reset_stats: gregaria.event.EventHook
slave_report: gregaria.event.EventHook
spawning_complete: gregaria.event.EventHook
test_start: gregaria.event.EventHook
test_stop: gregaria.event.EventHook
test_stopping: gregaria.event.EventHook
usage_monitor: gregaria.event.EventHook
user_error: gregaria.event.EventHook
worker_connect: gregaria.event.EventHook
worker_report: gregaria.event.EventHook
