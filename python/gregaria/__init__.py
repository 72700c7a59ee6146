"""gregaria's Python host: users written for Locust, on gregaria's engine.

Locustfiles import the names of Locust, which `as_locust` puts in place. `__main__` is the command. What happens per
request is native (`_engine`); this package has the classes that locustfiles see, and gevent's loop around them.
"""
