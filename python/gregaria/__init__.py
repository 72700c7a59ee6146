"""gregaria's Python host: users written for Locust, on gregaria's engine.

Locustfiles import the names of Locust, which `as_locust` installs. `__main__` is the command. The work per request is
native (`_engine`). This package has the classes that locustfiles use, and the event loop around them (`scheduler`).
"""
