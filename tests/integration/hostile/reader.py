"""The strictest reading of requests: whatever two servers could read differently is a Flaw.

It knows only what mtls-proxy may send: HTTP/1.1, one framing field in its plain spelling, plain
chunks without extensions, trailers that could stand in the head, canonical paths.

SPDX-License-Identifier: MIT
"""

import re

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
TARGET = re.compile(rb"(/[\x21-\x7e]*|\*)\Z")
VALUE = re.compile(rb"([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?\Z")
DOTS = re.compile(rb"/(\.|%2e){1,2}(;[^/]*)?(/|\Z)", re.IGNORECASE)
LENGTH = re.compile(rb"(0|[1-9][0-9]{0,18})\Z")
SIZE = re.compile(rb"[0-9a-f]{1,8}\Z")
FRAMING = (b"content-length", b"transfer-encoding")


class Flaw(Exception):
    pass


class More(Exception):
    """The message is not complete."""


class Message:
    def __init__(self, method, target, fields):
        self.method = method
        self.target = target
        self.fields = fields  # [(name, value)]
        self.body = b""

    def values(self, wanted):
        return [value for name, value in self.fields if name.lower() == wanted]

    def folded(self):
        """The names as a CGI or WSGI would have them, in order."""
        return [re.sub(rb"[^A-Za-z0-9]", b"_", name).upper().decode() for name, _ in self.fields]


def check(holds, what):
    if not holds:
        raise Flaw(what)


def take_line(data, at):
    end = data.find(b"\r\n", at)
    line = data[at:] if end < 0 else data[at:end]
    check(b"\n" not in line and b"\r" not in line.removesuffix(b"\r"), f"bare CR or LF in {line!r}")
    if end < 0:
        raise More
    return line, end + 2


def read_head(data, at):
    line, at = take_line(data, at)
    parts = line.split(b" ")
    check(len(parts) == 3, f"request line {line!r}")
    method, target, version = parts
    check(TOKEN.match(method), f"method {method!r}")
    check(TARGET.match(target) and b"#" not in target, f"target {target!r}")
    check(target != b"*" or method == b"OPTIONS", f"asterisk for {method!r}")
    path = target.split(b"?")[0]
    check(not DOTS.search(path) and b"\\" not in path, f"path {path!r}")
    check(not re.search(rb"%(00|2f|5c|(?![0-9a-f]{2}))", path, re.IGNORECASE),
          f"escape in {path!r}")
    check(version == b"HTTP/1.1", f"version {version!r}")
    fields, at = read_fields(data, at)
    return Message(method, target, fields), at


def read_fields(data, at):
    fields = []
    while True:
        line, at = take_line(data, at)
        if not line:
            return fields, at
        name, colon, value = line.partition(b":")
        check(colon and TOKEN.match(name), f"field {line!r}")
        value = value.strip(b" ")
        check(VALUE.match(value), f"value {line!r}")
        fields.append((name, value))


def read_chunks(data, at):
    pieces = []
    while True:
        line, at = take_line(data, at)
        check(SIZE.match(line), f"chunk size {line!r}")
        size = int(line, 16)
        if size == 0:
            break
        if len(data) < at + size + 2:
            raise More
        check(data[at + size:at + size + 2] == b"\r\n", "chunk without its end")
        pieces.append(data[at:at + size])
        at += size + 2
    trailers, at = read_fields(data, at)
    return b"".join(pieces), trailers, at


def read_request(data, at=0):
    """The message at that offset and where the next one begins; raises More or Flaw."""
    message, at = read_head(data, at)
    for name, _ in message.fields:
        letters = re.sub(rb"[^a-z]", b"", name.lower())
        is_like = letters in (b"contentlength", b"transferencoding")
        check(not is_like or name.lower() in FRAMING, f"looks like a framing field: {name!r}")
    lengths, codings = (message.values(name) for name in FRAMING)
    check(len(message.values(b"host")) == 1, f"Host: {message.values(b'host')}")
    check(len(lengths) + len(codings) <= 1, f"framing fields {lengths} {codings}")
    if codings:
        check(codings[0] == b"chunked", f"coding {codings[0]!r}")
        message.body, trailers, at = read_chunks(data, at)
        for name, _ in trailers:
            letters = re.sub(rb"[^a-z]", b"", name.lower())
            check(letters not in (b"contentlength", b"transferencoding", b"host"),
                  f"trailer {name!r}")
        message.fields += trailers
    elif lengths:
        check(LENGTH.match(lengths[0]), f"length {lengths[0]!r}")
        size = int(lengths[0])
        if len(data) < at + size:
            raise More
        message.body = data[at:at + size]
        at += size
    return message, at
