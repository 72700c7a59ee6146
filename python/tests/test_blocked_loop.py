"""User code that blocks the Python thread: the log names the code, and the run still ends."""


def test_blocking_code_is_named_in_the_log(run):
    finished = run(
        """
        import gevent.monkey
        from locust import User, constant, task

        sleep = gevent.monkey.get_original("time", "sleep")

        class Visitor(User):
            wait_time = constant(60)

            @task
            def block(self):
                holds_everyone_up(2.2)

        def holds_everyone_up(seconds):
            sleep(seconds)
        """,
        "-u 2 -r 100 -t 6s -n 1",
    ).expect_code(0)
    blocked = "The gevent loop is blocked in holds_everyone_up() at"
    (line,) = {line for line in finished.log if blocked in line}
    assert line.endswith("locustfile.py, line 15: sleep(seconds)"), line
    assert any("The gevent loop runs again" in line for line in finished.log)
    assert 'All users spawned: {"Visitor": 2}' in finished.stderr, "a blocked user is late, but counted"


def test_endless_loop_does_not_prevent_the_end(run):
    finished = run(
        """
        from locust import User, task

        class Visitor(User):
            @task
            def block(self):
                while True:
                    self.weight
        """,
        "-t 1s -s 0.1",
    ).expect_code(1)
    assert "The gevent loop is blocked in block() at" in finished.stderr
    assert any("The run cannot go on: the users did not stop within 5 s" in line for line in finished.log)
    assert "Aggregated" in finished.stderr, "the statistics are printed"
