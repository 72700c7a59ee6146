"""Arguments that a locustfile adds to the command line, and the parsed options that a locustfile can read."""

TEXT = """
from locust import HttpUser, constant, events, task

@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--my-count", type=int, default=3, help="How many there are", env_var="MY_COUNT")
    parser.add_argument("--colour", choices=["red", "blue"], default="red", metavar="NAME", include_in_web_ui=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--pages", nargs="*", default=[])
    parser.add_argument("--secret", default="s3", is_secret=True)

@events.init.add_listener
def show(environment, **_):
    options = environment.parsed_options
    print(repr(options.my_count), options.colour, options.quick, options.pages, options.secret)

class Visitor(HttpUser):
    host = "http://127.0.0.1:1"
    wait_time = constant(60)

    @task
    def visit(self):
        pass
"""


def test_custom_arguments_are_converted_to_their_types(run):
    assert run(TEXT, "-t 1s").expect_code(0).printed == ["3 red False [] s3"]
    arguments = "--my-count 7 -t 1s --colour=blue --quick --pages a b --secret x"
    assert run(TEXT, arguments).expect_code(0).printed == ["7 blue True ['a', 'b'] x"]


def test_custom_arguments_accept_variables_and_config_files(run, program):
    assert run(TEXT, "-t 1s", LOCUST_COLOUR="blue", MY_COUNT="8", LOCUST_QUICK="true").printed == ["8 blue True [] s3"]
    assert run(TEXT, "-t 1s --colour red", LOCUST_COLOUR="blue").printed == ["3 red False [] s3"]
    program.write("locust.conf", "my-count = 9\nquick\n")
    assert run(TEXT, "-t 1s").printed == ["9 red True [] s3"]


def test_help_lists_custom_arguments(run):
    finished = run(TEXT, "--help").expect_code(0)
    assert (
        "--my-count" in finished.stdout
        and "How many there are" in finished.stdout
        and "--colour <NAME>" in finished.stdout
    )


def test_custom_argument_with_wrong_value_prints_one_line(run):
    for arguments, parts in (
        ("--my-count many", ("my-count", "many")),
        ("--colour green", ("colour", "green", "blue")),
        ("--my-count", ("my-count",)),
        ("--quick=7", ("quick",)),
    ):
        finished = run(TEXT, arguments).expect_code(2)
        (line,) = finished.stderr.splitlines()
        assert line.startswith("gregaria: ") and all(part in line for part in parts), line


def test_required_argument_if_missing_is_an_error(run):
    text = TEXT.replace('"--quick", action="store_true"', '"--token", required=True, dest="quick"')
    (line,) = run(text).expect_code(2).stderr.splitlines()
    assert "--token" in line
    assert run(text, "--token x -t 1s").expect_code(0).printed == ["3 red x [] s3"]


def test_parsed_options_contain_all_options(run, server):
    finished = run(
        """
        from locust import HttpUser, constant, events, task

        @events.test_start.add_listener
        def show(environment, **_):
            options = environment.parsed_options
            print(options.num_users, options.spawn_rate, options.run_time, options.host, options.tags, options.headless)
            print(environment.host, environment.stop_timeout)
            print([user_class.__name__ for user_class in environment.user_classes], options.user_classes)

        class Visitor(HttpUser):
            wait_time = constant(60)

            @task
            def visit(self):
                self.client.get(f"/{type(self.environment.parsed_options).__name__}")

        class Other(Visitor):
            pass
        """,
        f"-H {server.url} -u 2 -r 1000 -t 1s -s 3 Visitor",
    ).expect_code(0)
    assert finished.printed == [
        f"2 1000.0 1 {server.url} None True",
        f"{server.url} 3.0",
        "['Visitor'] ['Visitor']",
    ]
    assert server.targets() == ["/Namespace"] * 2


def test_locust_variables_configure_the_run(run, server):
    finished = run(
        """
        from locust import HttpUser, task

        class Visitor(HttpUser):
            @task
            def visit(self):
                self.client.get("/")
        """,
        "--json -n 20",
        LOCUST_HOST=server.url,
        LOCUST_USERS="4",
        LOCUST_SPAWN_RATE="1000",
    ).expect_code(0)
    assert finished.counts() == server.counts() == {("GET", "/"): 20}
    assert len({request.client for request in server.requests}) == 4
