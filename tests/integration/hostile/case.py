"""What a case is, and short ways to write one.

SPDX-License-Identifier: MIT
"""

from typing import NamedTuple

HOST = b"Host: server.test"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: server.test\r\n\r\n"
# The same as content, with its length or as chunks.
SMUGGLED_LENGTH = b"Content-Length: %d" % len(SMUGGLED)
SMUGGLED_CHUNK = b"%x\r\n%s\r\n" % (len(SMUGGLED), SMUGGLED)
# A value that no backend may ever see.
SPOOFED = b"spoofed-identity"


class Case(NamedTuple):
    title: str
    raw: bytes
    # refused: an error, and the connection ends, since nobody knows where the next request starts;
    # declined: an error, but the framing is clear, so the connection may go on;
    # forwarded: all requests reach the backend; either: any of these, or the timeout.
    expect: str
    count: int  # requests that must reach the backend; for the refused the good ones before
    closes: bool = False  # the last of them asks for the end of the connection


def refused(title, raw, good=0):
    return Case(title, raw, "refused", good)


def declined(title, raw):
    return Case(title, raw, "declined", 0)


def forwarded(title, raw, count=1, closes=False):
    return Case(title, raw, "forwarded", count, closes)


def either(title, raw):
    return Case(title, raw, "either", 0)


def head(*lines):
    """The bytes of a head; lines are bytes, or text in Latin-1."""
    return b"".join((line if isinstance(line, bytes) else line.encode("latin-1")) + b"\r\n"
                    for line in lines) + b"\r\n"


def get(*fields, target=b"/"):
    return head(b"GET " + target + b" HTTP/1.1", HOST, *fields)


def post(*fields, body=b""):
    return head(b"POST / HTTP/1.1", HOST, *fields) + body


def shown(value):
    """Bytes as a part of a title."""
    if len(value) > 40:
        value = value[:30] + b"..%d.." % len(value) + value[-10:]
    return value.decode("latin-1").encode("unicode_escape").decode()
