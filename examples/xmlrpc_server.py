"""The server for xmlrpc_users.py.

It has two functions that take up to 0.2 s each.

    python3 examples/xmlrpc_server.py [PORT]
"""

import random
import sys
import time

try:
    from socketserver import ThreadingMixIn
    from xmlrpc.server import SimpleXMLRPCServer
except ImportError:
    from SimpleXMLRPCServer import SimpleXMLRPCServer
    from SocketServer import ThreadingMixIn


class Server(ThreadingMixIn, SimpleXMLRPCServer):
    """An XML-RPC server with one thread for each connection, so that a slow call does not delay other callers."""

    daemon_threads = True


def get_time():
    time.sleep(random.random() / 5)
    return time.time()


def get_random_number(low, high):
    time.sleep(random.random() / 5)
    return random.randint(low, high)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8877
    server = Server(("127.0.0.1", port), logRequests=False)
    server.register_function(get_time)
    server.register_function(get_random_number)
    print("Listening on port %d" % server.server_address[1])
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
