"""As much of WebSocket as the tests need (RFC 6455), both ends, over what reads and writes bytes.

SPDX-License-Identifier: MIT
"""

import base64
import hashlib
import os
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE = 1, 2, 8


def new_key():
    return base64.b64encode(os.urandom(16)).decode()


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def opening(key, **changes):
    """The header fields of an opening handshake; None leaves one out."""
    fields = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": key}
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    return [(name, value) for name, value in fields.items() if value is not None]


def _masked(data, mask):
    length = len(data)
    pad = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(length, "big")


def frame(payload, opcode=BINARY, is_client=True):
    """One whole message in one frame."""
    bit = 0x80 if is_client else 0
    if len(payload) < 126:
        head = struct.pack(">BB", 0x80 | opcode, bit | len(payload))
    elif len(payload) < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, bit | 126, len(payload))
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, bit | 127, len(payload))
    if not is_client:
        return head + payload
    mask = os.urandom(4)
    return head + mask + _masked(payload, mask)


def read_frame(read_exactly):
    """(opcode, payload)"""
    first, second = read_exactly(2)
    length = second & 0x7f
    if length == 126:
        length, = struct.unpack(">H", read_exactly(2))
    elif length == 127:
        length, = struct.unpack(">Q", read_exactly(8))
    mask = read_exactly(4) if second & 0x80 else None
    payload = read_exactly(length)
    return first & 0x0f, _masked(payload, mask) if mask else payload


def answer_101(exchange, extra=(), **changes):
    """The server's half of the opening handshake."""
    fields = {"Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Accept": accept_of(exchange.request.header("sec-websocket-key") or "")}
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = ["HTTP/1.1 101 Switching Protocols"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    lines += [f"{name}: {value}" for name, value in extra]
    exchange.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def echo(exchange):
    """A handler of upstream.Upstream: every message comes back, close is answered."""
    answer_101(exchange)
    exchange.is_closed = True
    while True:
        opcode, payload = read_frame(exchange._exactly)
        exchange.raw(frame(payload, opcode, is_client=False))
        if opcode == CLOSE:
            return


def open_on(connection, target="/echo", host="server.test", **changes):
    """Sends the opening handshake and returns the response."""
    key = new_key()
    answer = connection.request("GET", target, opening(key, **changes), host=host)
    if answer.status == 101:
        assert answer.header("sec-websocket-accept") == accept_of(key)
        assert (answer.header("upgrade"), answer.header("connection")) == ("websocket", "Upgrade")
    return answer
