"""The command `gregaria` of a Python environment: quick runs and locustfiles, with the command line of the native half.

It owns the process: what is imported when, signals, exit code.
"""

import gc
import signal
import sys

DEMO_SITE = "--demo-site"


def main():
    """Runs the command line of this process and ends it."""
    args = sys.argv[1:]
    try:
        code = _obey(args)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _obey(args):
    from . import _engine

    if args[:1] == [DEMO_SITE]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _engine.serve_demo()
        return 0
    try:
        what, paths = _engine.first_pass(args)
        if what == "native" or not paths:
            _leave_signals_alone()
            return _engine.run_native(args)
        return _run_locustfiles(args, paths)
    except _engine.Refused as refused:
        code, message = refused.args
        print(f"gregaria: {message}", file=sys.stderr)
        return code


def _run_locustfiles(args, paths):
    # Before anything that is to be patched is imported by anyone.
    from gevent import config, monkey

    config.track_greenlet_tree = False
    monkey.patch_all()
    from . import as_locust, locustfile  # noqa: F401
    from . import request_events as report
    from . import stdio as screen
    from ._engine import CommandLine
    from .arguments import LocustArgumentParser

    # Whether stdout is for data is not known before the locustfile has added its arguments.
    stdout, sys.stdout = sys.stdout, screen.Exchangeable(sys.stderr)
    user_classes = locustfile.load(paths)
    parser = LocustArgumentParser()
    report.events.init_command_line_parser.fire(parser=parser)
    command_line = CommandLine.parse(args, parser.described())
    if command_line is None:
        return 0
    return _run(command_line, user_classes, parser.values(command_line.extra), stdout)


def _run(command_line, user_classes, extra, stdout):
    from . import log, scenario
    from . import request_events as report
    from . import stdio as screen
    from ._engine import prepare, start
    from .environment import Environment, LocalRunner, options
    from .host import Host

    parsed_options = options(command_line, extra)
    tags, exclude_tags = set(parsed_options.tags or ()), set(parsed_options.exclude_tags or ())
    if tags or exclude_tags:
        user_classes = scenario.with_tags(user_classes, tags, exclude_tags)
    described = [scenario.describe(user_class) for user_class in user_classes]
    if command_line.show(described):
        return 0
    user_classes = [user_classes[place] for place in command_line.choose(described)]
    if not command_line.json:
        sys.stdout.stream = stdout
    _leave_signals_alone()
    prepared = prepare(command_line, [sys.executable, "-m", "gregaria"])
    if not command_line.skips_log_setup:
        log.set_up(parsed_options.loglevel)
    if prepared.host is not None:
        parsed_options.host = prepared.host
        for user_class in user_classes:
            user_class.host = prepared.host
    environment = Environment(user_classes, parsed_options)
    run, hub = start(command_line, prepared, [scenario.describe(user_class) for user_class in user_classes])
    environment.runner = LocalRunner(environment, run)
    sys.modules["locust.runners"].locust_runner = environment.runner
    # What is there now stays; the collector need not look at it again and again.
    gc.freeze()
    report.events.init.fire(environment=environment, runner=environment.runner, web_ui=None)
    screen.take_over(run)
    run.begin()
    try:
        code = Host(environment, user_classes, run, hub).conduct()
    finally:
        # Whatever has happened, the terminal is given back by who has taken it.
        run.finish()
        screen.give_back()
    report.events.quit.fire(exit_code=code)
    return code


def _leave_signals_alone():
    """The native half takes them over; Python's own handler would be called besides."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
