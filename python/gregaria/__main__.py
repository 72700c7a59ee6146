"""The command `gregaria` of a Python environment: quick runs and locustfiles. `_engine` parses its arguments.

It owns the process: the order of imports, signals, standard streams, the exit code.
"""

from __future__ import annotations

import functools
import gc
import signal
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from ._engine import CommandLine, EngineBridge, Run
    from .environment import Environment
    from .user import User

#: The words that start this program, up to its first argument.
_THIS_PROGRAM = [sys.executable, "-m", "gregaria"]


def main() -> None:
    """Runs the command line of this process and ends it."""
    args = sys.argv[1:]
    try:
        code = _dispatch(args)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _dispatch(args: list[str]) -> int:
    from . import _engine

    if args[:1] == [_engine.DEMO_SITE_ARGUMENT]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _engine.serve_demo()
        return 0
    try:
        paths = _engine.locustfiles(args)
        if not paths:
            _restore_signals()
            return _engine.run_native(args, _THIS_PROGRAM)
        return _run_locustfiles(args, paths)
    except _engine.CliError as error:
        code, message = error.args
        print(f"gregaria: {message}", file=sys.stderr)
        return code


def _run_locustfiles(args: list[str], paths: list[Path]) -> int:
    # Patched before any other module imports what gevent replaces.
    from gevent import config, monkey

    config.track_greenlet_tree = False
    monkey.patch_all()
    from . import as_locust, locustfile, stdio  # noqa: F401
    from ._engine import CommandLine
    from .arguments import LocustArgumentParser
    from .event import events

    # Whether stdout is reserved for results is unknown until the locustfile has added its arguments.
    stdout, sys.stdout = sys.stdout, cast(TextIO, stdio.ReplaceableStream(sys.stderr))
    user_classes = locustfile.load(paths)
    parser = LocustArgumentParser()
    events.init_command_line_parser.fire(parser=parser)
    command_line = CommandLine.parse(args, parser.described())
    if command_line is None:
        return 0
    return _run(command_line, user_classes, parser.values(command_line.custom_args), stdout)


def _run(command_line: CommandLine, user_classes: list[type[User]], custom: dict[str, Any], stdout: TextIO) -> int:
    from . import stdio
    from .environment import Environment, options
    from .event import events
    from .scheduler import UserScheduler

    parsed_options = options(command_line, custom)
    selected = _select_classes(command_line, user_classes, parsed_options)
    if selected is None:
        return 0
    if not command_line.json:
        cast(stdio.ReplaceableStream, sys.stdout).stream = stdout
    environment = Environment(selected, parsed_options, events)
    run, bridge = _start(command_line, environment)
    # The objects that exist now live as long as the process, so the collector need not visit them.
    gc.freeze()
    events.init.fire(environment=environment, runner=environment.runner, web_ui=None)
    stdio.redirect_to_screen(run)
    run.begin()
    try:
        code = UserScheduler(environment, selected, run, bridge).run()
    finally:
        # The terminal must be restored even after an error.
        run.finish()
        stdio.restore()
    events.quit.fire(exit_code=code)
    return code


def _select_classes(
    command_line: CommandLine, user_classes: list[type[User]], parsed_options: Namespace
) -> list[type[User]] | None:
    """Returns the classes to run; `None` if the command line requests their list, which is then printed."""
    from . import scenario

    tags, exclude_tags = set(parsed_options.tags or ()), set(parsed_options.exclude_tags or ())
    if tags or exclude_tags:
        user_classes = scenario.with_tags(user_classes, tags, exclude_tags)
    described = [scenario.describe(user_class) for user_class in user_classes]
    if command_line.show(described):
        return None
    return [user_classes[index] for index in command_line.selected_indices(described)]


def _start(command_line: CommandLine, environment: Environment) -> tuple[Run, EngineBridge]:
    """Takes over signals and log, sets the hosts of the classes, and creates the run."""
    from . import request_events, scenario, stdio
    from ._engine import prepare, start
    from .environment import LocalRunner
    from .run_state import thread_id

    _restore_signals()
    setup = prepare(command_line, _THIS_PROGRAM)
    if not command_line.skips_log_setup:
        stdio.redirect_log(environment.parsed_options.loglevel)
    if setup.host is not None:
        environment.host = environment.parsed_options.host = setup.host
        for user_class in environment.user_classes:
            user_class.host = setup.host
    described = [scenario.describe(user_class) for user_class in environment.user_classes]
    notify_decided = functools.partial(request_events.notify_decided, environment.events)
    run, bridge = start(command_line, setup, described, thread_id(), notify_decided)
    environment.runner = LocalRunner(environment, run)
    vars(sys.modules["locust.runners"])["locust_runner"] = environment.runner
    return run, bridge


def _restore_signals() -> None:
    """Removes Python's signal handlers, because the extension module has its own."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
