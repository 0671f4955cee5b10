"""Bytes where they do not belong: request line, methods, fields (RFC 9112 sections 2 to 5).

SPDX-License-Identifier: MIT
"""

from hostile.case import (HOST, SMUGGLED, SMUGGLED_LENGTH, declined, either, forwarded, get,
                          head, refused, shown)

# "|" is where the byte goes.
POSITIONS = {
    "before-the-method": b"|GET / HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "in-the-method": b"GE|T / HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "behind-the-method": b"GET| / HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "before-the-target": b"GET |/ HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "in-the-target": b"GET /a|b HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "in-the-query": b"GET /a?b|c HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "before-the-version": b"GET / |HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "in-the-version": b"GET / HTTP/|1.1\r\nHost: server.test\r\n\r\n",
    "behind-the-version": b"GET / HTTP/1.1|\r\nHost: server.test\r\n\r\n",
    "before-a-name": b"GET / HTTP/1.1\r\nHost: server.test\r\n|X: y\r\n\r\n",
    "before-the-first-name": b"GET / HTTP/1.1\r\n|X: y\r\nHost: server.test\r\n\r\n",
    "in-a-name": b"GET / HTTP/1.1\r\nHost: server.test\r\nX|X: y\r\n\r\n",
    "behind-a-name": b"GET / HTTP/1.1\r\nHost: server.test\r\nX|: y\r\n\r\n",
    "before-a-value": b"GET / HTTP/1.1\r\nHost: server.test\r\nX:|y\r\n\r\n",
    "in-a-value": b"GET / HTTP/1.1\r\nHost: server.test\r\nX: y|y\r\n\r\n",
    "behind-a-value": b"GET / HTTP/1.1\r\nHost: server.test\r\nX: y|\r\n\r\n",
    "in-the-host": b"GET / HTTP/1.1\r\nHost: server|.test\r\n\r\n",
    "behind-the-host": b"GET / HTTP/1.1\r\nHost: server.test|\r\n\r\n",
    "before-the-empty-line": b"GET / HTTP/1.1\r\nHost: server.test\r\n|\r\n",
    "between-cr-and-lf": b"GET / HTTP/1.1\r|\nHost: server.test\r\n\r\n",
    "between-the-last-cr-and-lf": b"GET / HTTP/1.1\r\nHost: server.test\r\n\r|\n",
}
BYTES = (b"\0", b"\r", b"\n", b"\t", b" ", b"\x0b", b"\x0c", b"\x01", b"\x1b", b"\x7f", b"\x85",
         b"\xff")
VALUES = ("before-a-value", "in-a-value", "behind-a-value", "behind-the-host")
VERSIONS = (
    b"HTTP/1.2", b"HTTP/1.9", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/1", b"HTTP/1.",
    b"HTTP/.1",
    b"HTTP1.1", b"HTTPS/1.1", b"http/1.1", b"Http/1.1", b"HTTP/ 1.1", b"HTTP /1.1", b"HTTP/1.1x",
    b"HTTP/1,1", b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.1.1", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/2",
    b"HTTP/3.0", b"HTTP/9.9", b"HTTP/0.0", b"HTTP/1.x", b"HTTP\\1.1", b"ICY/1.0", b"RTSP/1.0",
    b"SIP/2.0",
    b"HTTP", b"1.1", b"", b"HTTP/1.1 HTTP/1.1", b"HTTP/1.1\x00", b"HTTP/" + b"1" * 5000,
    b"\xc3\x97/1.1",
    b"HTTP/11", b"HTTP/1.1;", b"XHTTP/1.1", b"HTTP/1.\xd9\xa1",
)
LINES = (
    b"", b"GET", b"GET ", b"GET /", b"GET / ", b"GET  HTTP/1.1", b" GET / HTTP/1.1",
    b"GET  / HTTP/1.1",
    b"GET /  HTTP/1.1", b"GET / HTTP/1.1 ", b"GET\t/\tHTTP/1.1", b"GET /a b HTTP/1.1",
    b"/ HTTP/1.1",
    b"HTTP/1.1 200 OK", b"GET / HTTP/1.1 GET / HTTP/1.1", b"GET/ HTTP/1.1", b"GET /HTTP/1.1", b":",
    b"GET:/",
    b"Host: server.test", b"GET / HTTP/1.1\r", b"GET /\r\n HTTP/1.1", b"GET\r\n/ HTTP/1.1",
    b"GET / \r\nHTTP/1.1",
)
METHODS = (b"G{T", b"GE(T", b"GET,", b'"GET"', b"GET/", b"GET:", b"G@T", b"[GET]", b"G\xc9T",
           b"GET=", b"<GET>",
           b"G\\T", b"GET;", b"G?T")
FIELDS = (
    b"X", b": y", b":", b"=: y", b"X y: z", b"X : y", b"X\t: y", b"X(: y", b"X/y: z", b"X,: y",
    b"X;: y", b"X@: y",
    b"X[: y", b"X{: y", b'X": y', b"X\\: y", b"X<: y", b"X>: y", b"X?: y", b"X\xe4: y",
    b"\xef\xbb\xbfX: y",
    b"X: y\r\n z", b"X: y\r\n\tz", b"X: y\r\n  \r\nZ: a", b"X: y\r\n :z", b"X:\r\n\r",
    b"X: y\rZ: a", b"X: y\nZ: a",
    b"X: y\n\nGET /smuggled HTTP/1.1\nHost: server.test\n", b"X: y\r\r\n", b"X: \0", b"\0: y",
    b"X: \x08",
    b"X: y\n ", b"X: y\n\r", b"GET / HTTP/1.1", b"X: y\x0b\r\n\x0bZ: a", b"{X}: y", b"=y",
)
GOOD_FIELDS = (
    b"X:", b"X: ", b"X:y", b"X:\ty", b"X: y \t", b"X: :", b"X: a:b", b"X: \xe4\xff",
    b"!#$%&'*+-.^_`|~: y", b"1: 2",
    b"X: \"a, b\"", b"X: (a)", b"X: a;b=c", b"X: " + b"a" * 4000, b"X" * 1000 + b": y",
    b"X:" + b" " * 4000 + b"y",
    b"Cookie: a=1; b=2", b"Range: bytes=0-1,2-3", b"X: GET /smuggled HTTP/1.1", b"X: \\r\\n",
    b"X: %0d%0aY: z",
)


def cases():
    for place, raw in POSITIONS.items():
        for byte in BYTES:
            title = f"{shown(byte)}-{place}"
            made = raw.replace(b"|", byte)
            if place in VALUES and byte in (b" ", b"\t"):
                yield forwarded(title, made)
            elif place in VALUES[:3] and byte in (b"\x85", b"\xff"):
                yield forwarded(title, made)
            else:
                # "\r\n\n" is the end of a request and then a bare LF
                is_behind = place == "between-the-last-cr-and-lf" and byte == b"\n"
                yield refused(title, made, good=int(is_behind))
    for version in VERSIONS:
        yield refused(f"version-{shown(version)}", head(b"GET / " + version, HOST))
    for line in LINES:
        yield refused(f"line-{shown(line)}", head(line, HOST))
    for method in METHODS:
        yield refused(f"method-{shown(method)}", head(method + b" / HTTP/1.1", HOST))
    for method in (b"get", b"Get", b"X", b"PROPFIND", b"M-SEARCH", b"PURGE", b"QUERY", b"!",
                   b"HTTP", b"A" * 300,
                   b"GET|POST", b"TRACK", b"DEBUG", b"PRI", b"GETX", b"XGET", b"0"):
        # RFC 9110 section 9.1: any token is a method; which are allowed is for the configuration
        yield either(f"token-method-{shown(method)}", head(method + b" / HTTP/1.1", HOST))
    for method in (b"TRACE", b"CONNECT"):
        yield declined(f"method-{shown(method)}", head(method + b" / HTTP/1.1", HOST))
    yield declined("trace-with-content", head(b"TRACE / HTTP/1.1", HOST,
                                              SMUGGLED_LENGTH) + SMUGGLED)
    for field in FIELDS:
        yield refused(f"field-{shown(field)}", get(field))
    for field in GOOD_FIELDS:
        yield forwarded(f"good-field-{shown(field)}", get(field))
    for ends in ((b"\n", b"\n"), (b"\n", b"\r\n"), (b"\r\n", b"\n"), (b"\r", b"\r"),
                 (b"\r\r\n", b"\r\r\n"),
                 (b"\n\r", b"\n\r"), (b"\r\n\n", b"\r\n"), (b"\r\n", b"\r\n\r")):
        raw = b"GET / HTTP/1.1" + ends[0] + HOST + ends[1] + ends[1]
        yield refused(f"line-ends-{shown(ends[0])}-{shown(ends[1])}", raw)
