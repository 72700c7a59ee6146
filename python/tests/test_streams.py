"""Responses that are read in chunks, and request bodies that are sent in chunks."""

import threading

from echo_server import Reply
from program import in_a_task


def test_streamed_response_returns_after_its_head(run, server):
    """Checks that the call returns before the body is complete, and that chunks arrive when the target sends them."""
    may_go_on = threading.Event()

    def chunks():
        yield b"first"
        assert may_go_on.wait(10)
        yield b"second" * 10_000

    server.replies["/long"] = Reply(body=chunks())
    server.replies["/go"] = lambda _: may_go_on.set() or Reply()
    finished = run(
        in_a_task(
            """
            with self.client.get("/long", stream=True) as response:
                print(response.status_code, response.url == self.host + "/long", response.ok)
                chunks = response.iter_content(None)
                print(next(chunks))
                print(self.client.get("/go").text)
                rest = b"".join(chunks)
                print(len(rest), rest == b"second" * 10_000, next(chunks, "end"))
                for again in (lambda: response.content, lambda: response.iter_content(1)):
                    try:
                        again()
                    except RuntimeError as error:
                        print(error)
                    except TypeError as error:
                        print("consumed")
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == [
        "200 True True",
        "b'first'",
        "ok",
        "60000 True end",
        "The content for this response was already consumed",
        "consumed",
    ]
    assert server.connections == 2, "the stream occupies one connection"


def test_stream_readers_return_the_whole_body(run, server):
    server.replies["/lines"] = lambda _: Reply(body=iter([b"one\ntw", b"o\nth\xc3", b"\xbcee"]), headers=UTF_8)
    finished = run(
        in_a_task(
            """
            get = lambda: self.client.get("/lines", stream=True)
            print(get().content, repr(get().text))
            print(list(get().iter_lines()), list(get().iter_lines(decode_unicode=True, delimiter="t")))
            print(max(map(len, get().iter_content(4))), repr("".join(get().iter_content(1, decode_unicode=True))))
            raw = get().raw
            print(raw.read(5), raw.read(2), raw.read(), raw.read())
            print(b"".join(get()), [len(line) for line in get().raw])
            response = get()
            print(next(response.iter_content(2)), response.content[:4], response.content is response.content)
            whole = self.client.get("/lines")
            print(list(whole.iter_content(8)), list(whole.iter_lines())[0], whole.raw.read())
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    whole = "one\ntwo\nthüee"
    raw = whole.encode()
    assert finished.printed == [
        f"{raw} {whole!r}",
        f"{whole.encode().splitlines()} {whole.split('t')}",
        f"4 {whole!r}",
        f"{raw[:5]} {raw[5:7]} {raw[7:]} b''",
        f"{raw} [4, 4, 6]",
        r"b'on' b'e\ntw' True",
        f"{[raw[:8], raw[8:]]} b'one' b''",
    ]
    assert server.connections == 1, "a stream that is read to its end returns its connection to the pool"


def test_unread_stream_is_drained_or_closed(run, server):
    """Checks that a short rest of a body is read, and that a long rest closes the connection."""
    server.replies["/short"] = Reply(body=b"x" * 20_000)
    server.replies["/long"] = Reply(body=b"x" * 50_000_000)
    finished = run(
        in_a_task(
            """
            import gevent
            for path in ("/short", "/long"):
                self.client.get(path, stream=True).close()
                gevent.sleep(0.5)
                self.client.get("/a")
                self.client.get(path, stream=True)
                gevent.sleep(0.5)
                self.client.get("/b")
                with self.client.get(path, stream=True, catch_response=True) as response:
                    print(len(next(response.iter_content(10))))
                gevent.sleep(0.5)
                self.client.get("/c")
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["10", "10"]
    clients = [request.client for request in server.requests]
    assert len(set(clients[:7])) == 1 and len(set(clients)) == 4, clients


def test_stream_is_counted_when_its_head_arrives(run, server):
    """Checks that the length is the Content-Length, or 0 without that header.

    The response time ends with the head. Both are as in Locust.
    """
    server.replies["/known"] = Reply(body=b"x" * 3000)
    server.replies["/unknown"] = lambda _: Reply(body=iter([b"x" * 3000]))
    finished = run(
        in_a_task(
            """
            from locust import events
            lengths = []
            events.request.add_listener(lambda name, response_length, **_: lengths.append((name, response_length)))
            for path in ("/known", "/unknown"):
                print(len(self.client.get(path, stream=True).content))
            self.client.get("/status/500", stream=True)
            print(lengths)
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ["3000", "3000", "[('/known', 3000), ('/unknown', 0), ('/status/500', 2)]"]


def test_broken_stream_raises_an_error(run, server):
    def chunks():
        yield b"some"
        raise BrokenPipeError

    server.replies["/broken"] = lambda _: Reply(body=chunks())
    server.replies["/wrong"] = Reply(body=b"no gzip", headers=(("Content-Encoding", "gzip"),))
    finished = run(
        in_a_task(
            """
            import requests
            for path in ("/broken", "/wrong"):
                response = self.client.get(path, stream=True)
                try:
                    print(response.content)
                except requests.RequestException as error:
                    print(response.status_code, type(error).__name__, error)
            print(repr(self.client.get("/broken").error))
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    cut_short = "connection closed in the middle of the response"
    assert finished.printed == [
        f"200 ChunkedEncodingError {cut_short}",
        "200 ContentDecodingError response body does not match its Content-Encoding",
        f"ChunkedEncodingError('{cut_short}')",
    ]


def test_large_bodies_are_not_held_in_memory(run, server):
    """Checks 64 MiB each from a generator, a file and a form, and in a streamed response."""
    length = 64 << 20
    server.replies["/large"] = lambda _: Reply(body=(b"x" * 65536 for _ in range(length // 65536)))
    server.keeps_bodies = False
    finished = run(
        in_a_task(
            f"""
            import resource
            peak_kib = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            with open("large", "wb") as file:
                file.truncate({length})
            self.client.post("/", data=(b"x" * 65536 for _ in range(16)))
            before = peak_kib()
            print(self.client.post("/", data=(b"x" * 65536 for _ in range({length // 65536}))).text)
            print(self.client.post("/", data=open("large", "rb")).text)
            print(self.client.post("/form", files={{"a": open("large", "rb")}}).status_code)
            print(sum(map(len, self.client.get("/large", stream=True).iter_content(100_000))))
            print((peak_kib() - before) >> 10)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    *lines, grown_mib = finished.printed
    assert lines == [str(length), str(length), "200", str(length)]
    # The growth includes buffers that are kept for later requests.
    assert int(grown_mib) < 40
    assert [request.headers.get("content-length") for request in server.requests[1:3]] == [None, str(length)]


def test_failing_upload_source_raises_in_the_task(run, server):
    """Checks that the exception of the generator is raised, as in requests, and that later requests work."""
    finished = run(
        in_a_task(
            """
            def chunks():
                yield b"some"
                raise ValueError("no more")

            try:
                self.client.post("/", data=chunks())
            except ValueError as error:
                print(error)
            print(self.client.post("/a", data=b"x").text)
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["no more", "x"]
    assert [request.target for request in server.requests] == ["/a"]


def test_upload_source_can_wait_while_others_run(run, server):
    finished = run(
        in_a_task(
            """
            import gevent

            def chunks():
                for number in range(3):
                    gevent.sleep(0.05)
                    yield f"{number}" * 70_000

            uploads = [gevent.spawn(self.client.post, "/", data=chunks()) for _ in range(3)]
            print(self.client.get("/").text)
            print([len(upload.get().content) for upload in uploads])
            """
        ),
        f"-H {server.url}",
    ).expect_code(0)
    assert finished.printed == ["ok", "[210000, 210000, 210000]"]


def test_unrepeatable_body_is_not_sent_after_a_redirect(run, server):
    server.replies["/to"] = Reply(307, headers=(("Location", "/there"),))
    finished = run(
        in_a_task(
            """
            response = self.client.post("/to", data=(b"x" for _ in range(3)))
            print(response.status_code, repr(response.error))
            """
        ),
        f"-H {server.url}",
    ).expect_code(1)
    assert finished.printed == ['0 UnrewindableBodyError("the request\'s body cannot be sent a second time")']


UTF_8 = (("Content-Type", "text/plain; charset=utf-8"),)
