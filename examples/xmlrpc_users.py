"""Users of another protocol than HTTP, as in chapter 6 of the manual of Locust 0.7. The client reports the outcome of
each call with an event, and the user class creates the client.

    python3 examples/xmlrpc_server.py &
    gregaria -f examples/xmlrpc_users.py -c 10 -r 10

A client for another protocol has the same structure.
"""

import time

from locust import Locust, TaskSet, events, task

try:
    from xmlrpc.client import Error, ServerProxy
except ImportError:
    from xmlrpclib import Error, ServerProxy


class XmlRpcClient(ServerProxy):
    """A ServerProxy that fires one event for each call, so that calls become rows of the statistics."""

    def __getattr__(self, name):
        function = ServerProxy.__getattr__(self, name)

        def measured(*args, **kwargs):
            started = time.time()
            try:
                result = function(*args, **kwargs)
            except (Error, OSError) as error:
                events.request_failure.fire(
                    request_type="xmlrpc", name=name, response_time=milliseconds_since(started), exception=error
                )
                return None
            # ServerProxy does not provide the length of the response.
            events.request_success.fire(
                request_type="xmlrpc", name=name, response_time=milliseconds_since(started), response_length=0
            )
            return result

        return measured


def milliseconds_since(started):
    return int((time.time() - started) * 1000)


class XmlRpcLocust(Locust):
    """A base class for users, each with its own XML-RPC client for the server at `host`."""

    def __init__(self, *args, **kwargs):
        super(XmlRpcLocust, self).__init__(*args, **kwargs)
        self.client = XmlRpcClient(self.host)


class ApiUser(XmlRpcLocust):
    host = "http://127.0.0.1:8877/"
    min_wait = 100
    max_wait = 1000

    class task_set(TaskSet):
        @task(10)
        def get_time(self):
            self.client.get_time()

        @task(5)
        def get_random_number(self):
            self.client.get_random_number(0, 100)
