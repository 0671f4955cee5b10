"""More than one request on a connection, other protocols, and very long things.

SPDX-License-Identifier: MIT
"""

from hostile.case import (HOST, SMUGGLED, SMUGGLED_LENGTH, either, forwarded, get, head, post,
                          refused, shown)

PREFACES = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"SSH-2.0-x\r\n\r\n",
    b"\x16\x03\x01\0\x05\x01\0\0\x01\0", b"\x80\x2e\x01\x03\x01\0\x15",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"\0", b"\xff" * 100,
    b"\r\n\r\n\r\n", b"\n", b"\n\n", b"\r", b" ", b"\t", b"\0" * 100,
    b"\x0d\x0a\x0d\x0a\0\x0d\x0aQUIT\x0a\x21\x11\0\x0c", b"\xef\xbb\xbf",
    b"GET /\r\n", b"GET /\r\n\r\n", b"HELO x\r\n", b"{}\r\n", b"<x/>\r\n", b"0\r\n\r\n",
    b"3\r\nabc\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
    b"--x\r\n", b"\x05\x01\0", b"*1\r\n$4\r\nPING\r\n", b"EHLO x\r\n\r\n", b"\x1f\x8b\x08\0",
    b"x" * 100 + b"\r\n\r\n",
    b"OPTIONS * RTSP/1.0\r\n\r\n",
)


def pipelines():
    for count in (2, 10, 50):
        yield forwarded(f"pipeline-of-{count}", get() * count, count=count)
    yield forwarded("blank-line-first", b"\r\n" + get())
    yield forwarded("blank-line-between", get() + b"\r\n" + get(), count=2)
    yield forwarded("content-then-request", post(b"Content-Length: 3", body=b"abc") + get(),
                    count=2)
    yield forwarded("content-like-a-request", post(SMUGGLED_LENGTH, body=SMUGGLED))
    yield forwarded("no-content-then-request", post(b"Content-Length: 0") + get(), count=2)
    yield forwarded("head-then-get", head(b"HEAD / HTTP/1.1", HOST) + get(), count=2)
    yield forwarded("1.0", head(b"GET / HTTP/1.0", HOST), closes=True)
    yield forwarded("1.0-then-more", head(b"GET / HTTP/1.0", HOST) + SMUGGLED, closes=True)
    yield forwarded("1.0-kept", head(b"GET / HTTP/1.0", HOST, b"Connection: keep-alive"))
    yield forwarded("close-then-more", get(b"Connection: close") + SMUGGLED, closes=True)
    yield forwarded("1.0-content", head(b"POST / HTTP/1.0", HOST, b"Content-Length: 3") + b"abc",
                    closes=True)
    yield either("1.0-content-without-length", head(b"POST / HTTP/1.0", HOST) + b"abc\r\n\r\n")
    for good in (1, 3):
        for bad in (b"x", b"GET", b" ", b"\0", b"\n", get(b"X : y"),
                    get(b"Content-Length: 1", b"Content-Length: 2"),
                    post(b"Transfer-Encoding: x"), head(b"GET / HTTP/2.0", HOST), b"\r\n\r\n x",
                    b"0\r\n\r\n"):
            yield refused(f"{good}-good-then-{shown(bad)}", get() * good + bad + b"\r\n\r\n",
                          good=good)
    yield refused("content-longer-than-said", post(b"Content-Length: 3", body=b"abcdef\r\n\r\n"),
                  good=1)
    # What comes is less than what was said: whatever follows is content, and then time runs out.
    yield either("content-shorter-than-said", post(b"Content-Length: 1000", body=SMUGGLED))
    yield either("chunk-shorter-than-said", post(b"Transfer-Encoding: chunked",
                                                 body=b"3e8\r\n" + SMUGGLED))
    yield either("head-without-end", head(b"GET / HTTP/1.1", HOST, b"X: " + b"y" * 100)[:-2])
    for preface in PREFACES:
        yield refused(f"preface-{shown(preface)}", preface + get())


def long_things():
    for size in (1000, 1900):
        yield forwarded(f"target-of-{size}", get(target=b"/" + b"a" * size))
        yield forwarded(f"query-of-{size}", get(target=b"/?" + b"a" * size))
        yield forwarded(f"segments-of-{size}", get(target=b"/a" * (size // 2)))
        yield forwarded(f"dot-segments-of-{size}", get(target=b"/a" + b"/." * (size // 2)))
        yield forwarded(f"escapes-of-{size}", get(target=b"/" + b"%61" * (size // 3)))
    for size in (3000, 9000, 40000, 200000):
        yield refused(f"target-of-{size}", get(target=b"/" + b"a" * size))
        yield refused(f"absolute-of-{size}", get(target=b"http://server.test/" + b"a" * size))
        yield refused(f"up-and-down-{size}", get(target=b"/a/.." * (size // 5)))
    for size in (9000, 40000, 200000):
        yield refused(f"method-of-{size}", head(b"A" * size + b" / HTTP/1.1", HOST))
        yield refused(f"value-of-{size}", get(b"X: " + b"y" * size))
        yield refused(f"name-of-{size}", get(b"X" * size + b": y"))
        yield refused(f"blanks-of-{size}", get(b"X:" + b" " * size + b"y"))
        yield refused(f"host-of-{size}", head(b"GET / HTTP/1.1", b"Host: " + b"a" * size))
        yield refused(f"no-line-end-in-{size}", b"A" * size)
        yield refused(f"digits-of-{size}", post(b"Content-Length: " + b"1" * size, body=b"abc"))
        yield refused(f"zeros-of-{size}", post(b"Content-Length: " + b"0" * size + b"3",
                                               body=b"abc"))
    for count in (60, 500, 5000):
        yield refused(f"{count}-fields", get(*(b"X-%d: y" % n for n in range(count))))
        yield refused(f"{count}-empty-fields", get(*(b"X:",) * count))
    yield forwarded("40-fields", get(*(b"X-%d: y" % n for n in range(40))))
    for size in (70000, 1 << 40, 1 << 62):
        yield refused(f"content-length-of-{size}", post(b"Content-Length: %d" % size, body=b"abc"))
    yield forwarded("content-of-60000", post(b"Content-Length: 60000", body=b"a" * 60000))
    yield forwarded("many-small-chunks", post(b"Transfer-Encoding: chunked",
                                              body=b"1\r\na\r\n" * 5000 + b"0\r\n\r\n"))


def cases():
    yield from pipelines()
    yield from long_things()
