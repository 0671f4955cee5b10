"""After the handover the record layer is the program's own: whatever a client sends then, it gets the
answer that OpenSSL would give (RFC 8446 sections 4.6.3, 5 and 6). Each script is run both ways.

SPDX-License-Identifier: MIT
"""

import pytest

import tlsclient
from proxy import Proxy, configuration, site
from tlsrecords import ALERT, CCS, DATA, HANDSHAKE, Records, SUITE

UPDATE, ASKING = b"\x18\0\0\1\0", b"\x18\0\0\1\1"
CLOSE, CANCELED = b"\x01\0", b"\x01\x5a"
REQUEST = b"GET /end HTTP/1.1\r\nHost: server.test\r\n\r\n"
MAX = 1 << 14


def handshake(*fragments):
    return [("seal", HANDSHAKE, one) for one in fragments]


def pieces(message, *at):
    """The message in several records."""
    cuts = [0, *at, len(message)]
    return handshake(*(message[a:b] for a, b in zip(cuts, cuts[1:])))


def empty(count):
    return [("seal", DATA, b"")] * count


def alerts(*messages):
    return [("seal", ALERT, one) for one in messages]


REKEY = ("rekey",)
# name: (steps, what comes of it: a description of RFC 8446 6, or "served", "closed" or "ended").
SCRIPTS = {
    "nothing": ([], "served"),
    # 4.6.3 and 5.1: messages, whole and in pieces
    "an update": ([*handshake(UPDATE), REKEY], "served"),
    "an update that asks": ([*handshake(ASKING), REKEY], "served"),
    **{f"an update cut at {at}": ([*pieces(ASKING, at), REKEY], "served") for at in range(1, 5)},
    "an update byte by byte": ([*pieces(UPDATE, 1, 2, 3, 4), REKEY], "served"),
    "40 updates": ([*handshake(UPDATE), REKEY] * 40, "served"),
    "40 updates in pieces that ask": ([*pieces(ASKING, 2), REKEY] * 40, "served"),
    "an empty update": (handshake(b"\x18\0\0\0"), "decode_error"),
    "an empty update in pieces": (pieces(b"\x18\0\0\0", 2), "decode_error"),
    "an update of another value": (handshake(b"\x18\0\0\1\2"), "illegal_parameter"),
    "an update of two bytes": (handshake(b"\x18\0\0\2\0\0"), "illegal_parameter"),
    "an update of 16 MiB": (handshake(b"\x18\xff\xff\xff"), "illegal_parameter"),
    "an empty update and more": (handshake(b"\x18\0\0\0\0"), "unexpected_message"),
    "two updates in a record": (handshake(UPDATE + UPDATE), "unexpected_message"),
    "an update and a byte": (handshake(UPDATE + b"\x18"), "unexpected_message"),
    "the end of an update and a byte": (handshake(UPDATE[:3], UPDATE[3:] + b"\x18"),
                                        "unexpected_message"),
    "an update under the old key": ([*handshake(UPDATE), ("seal", DATA, REQUEST)],
                                    "bad_record_mac"),
    "an empty fragment": (handshake(b""), "unexpected_message"),
    "an empty fragment inside": (handshake(UPDATE[:2], b"", UPDATE[2:]), "unexpected_message"),
    **{f"message {kind}": (handshake(bytes([kind]) + b"\0\0\1\0"), "unexpected_message")
       for kind in (0, 1, 2, 4, 5, 8, 11, 13, 15, 20, 254, 99)},
    "the header of another message": (pieces(b"\x01\0\x10\0", 1, 2, 3), "unexpected_message"),
    # 5.1: nothing between the records of a message
    **{f"{cut} bytes of an update, then data": ([*handshake(UPDATE[:cut]), ("seal", DATA, b"GET")],
                                                "unexpected_message") for cut in (1, 3, 4)},
    **{f"{cut} bytes of an update, then no data": ([*handshake(UPDATE[:cut]), *empty(1)],
                                                   "unexpected_message") for cut in (1, 3, 4)},
    **{f"{cut} bytes of an update, then close_notify":
       ([*handshake(UPDATE[:cut]), *alerts(CLOSE)], None) for cut in (1, 3, 4)},
    **{f"{cut} bytes of an update, then user_canceled":
       ([*handshake(UPDATE[:cut]), *alerts(CANCELED)], None) for cut in (1, 3, 4)},
    # 6: alerts
    "close_notify": (alerts(CLOSE), "closed"),
    "a fatal close_notify": (alerts(b"\x02\0"), "closed"),
    "user_canceled": (alerts(CANCELED), "served"),
    "user_canceled, fatal": (alerts(b"\x02\x5a"), "served"),
    "user_canceled four times": (alerts(*[CANCELED] * 4), "served"),
    "user_canceled five times": (alerts(*[CANCELED] * 5), "unexpected_message"),
    "user_canceled with updates": ([*alerts(*[CANCELED] * 4), *handshake(UPDATE), REKEY] * 3,
                                   "served"),
    "user_canceled with empty data": ([*alerts(*[CANCELED] * 4), *empty(1)] * 3, None),
    **{f"alert {number}, level {level}": (alerts(bytes([level, number])), "ended")
       for level in (1, 2, 3) for number in (10, 20, 40, 100, 112, 255)},
    "an empty alert": (alerts(b""), "unexpected_message"),
    "half an alert": (alerts(b"\x01"), None),
    "an alert in two records": (alerts(b"\x01", b"\0"), None),
    "an alert and a byte": (alerts(CLOSE + b"\0"), None),
    "two alerts in a record": (alerts(CLOSE + CLOSE), None),
    # 5: types and framing
    "a type inside that is none": ([("seal", 24, b"x")], "unexpected_message"),
    "type 255 inside": ([("seal", 255, b"x")], "unexpected_message"),
    "change_cipher_spec inside": ([("seal", CCS, b"\1")], "unexpected_message"),
    "nothing but padding": ([("seal", None, b"\0" * 20)], "unexpected_message"),
    "no content at all": ([("seal", None, b"")], "bad_record_mac"),
    **{f"{kind} in the clear": ([("raw", bytes([kind]) + b"\x03\x03\0\1\1")], "unexpected_message")
       for kind in (CCS, ALERT, HANDSHAKE, 24, 0, 255)},
    "a clear alert of two bytes": ([("raw", b"\x15\x03\x03\0\2\1\0")], "unexpected_message"),
    **{f"version {version.hex()}": ([("version", version)], None)
       for version in (b"\x03\x01", b"\x03\x04", b"\x02\x00", b"\x00\x00", b"\x04\x03")},
    **{f"a record of {size} bytes": ([("raw", b"\x17\x03\x03" + size.to_bytes(2, "big") +
                                       b"a" * size)], None) for size in (0, 1, 15, 16, 17, 40)},
    "a full record": ([("seal", DATA, b"GET /" + b"a" * 1000 + REQUEST[4:])], "served"),
    "as much padding as there may be": ([("pad", DATA, REQUEST, MAX - len(REQUEST))], "served"),
    "more padding than there should be": ([("pad", DATA, REQUEST, MAX + 1 - len(REQUEST))], "served"),
    "a byte of content too much": ([("seal", DATA, b"a" * (MAX + 1))], "record_overflow"),
    "a record that is too long": ([("raw", b"\x17\x03\x03" + (MAX + 257).to_bytes(2, "big"))],
                                  "record_overflow"),
    "a changed record": ([("flip",)], "bad_record_mac"),
    # no data, again and again
    "32 empty records": (empty(32), "served"),
    "33 empty records": (empty(33), "unexpected_message"),
    "32 empty records, an update, 32 more": ([*empty(32), *handshake(UPDATE), REKEY, *empty(32)],
                                             "served"),
    "padded empty records": ([("pad", DATA, b"", 100)] * 33, "unexpected_message"),
}
ALERTS = {0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
          47: "illegal_parameter", 50: "decode_error", 70: "protocol_version", 80: "internal_error",
          51: "decrypt_error", 40: "handshake_failure"}


def play(wire, steps):
    """Sends the script in one go, and a request behind it."""
    sent = b""
    for step in steps:
        if step[0] == "seal":
            sent += wire.out.seal(step[1], step[2])
        elif step[0] == "pad":
            sent += wire.out.seal(step[1], step[2], padding=step[3])
        elif step[0] == "version":
            sent += wire.out.seal(DATA, REQUEST, version=step[1])
        elif step[0] == "flip":
            record = bytearray(wire.out.seal(DATA, REQUEST))
            record[-1] ^= 1
            sent += bytes(record)
        elif step[0] == "raw":
            sent += step[1]
        else:
            wire.out.update()
    wire.send(sent + wire.out.seal(DATA, REQUEST))


def outcome(wire):
    """What the client learns: the first alert, else an answer, else how it ended."""
    data = b""
    for kind, content in wire.records():
        if kind == DATA:
            data += content
            if b"HTTP/1.1 200" in data:
                return "served"
            if b"HTTP/1.1 4" in data:
                return "refused"
        elif kind == ALERT:
            name = ALERTS.get(content[1], str(content[1]))
            return "closed" if name == "close_notify" else name
        elif kind == "end":
            return "ended" if content == "closed" else content
    return "nothing"


@pytest.fixture(scope="module")
def both(basics):
    """The same site with the handover and without."""
    log = {"error": {"level": "debug"}, "access": {"path": "stdout", "flush": "10ms"}}
    started = {}
    try:
        for handover in (True, False):
            started[handover] = Proxy(configuration(
                site(basics, tls={"ciphersuites": SUITE}), log=log,
                performance={"handover": handover},
                sessions={"store": 1000, "tickets": "tls12"}))
        yield started
        for one in started.values():
            one.stop()
    finally:
        for one in started.values():
            one.kill()


def run(proxy, basics, steps, handed_over):
    start = proxy.marker()
    with Records(proxy, tlsclient.context(basics.alice, version="1.3")) as wire:
        for _ in range(2):
            wire.send(wire.out.seal(DATA, REQUEST))
            assert outcome(wire) == "served"
        if handed_over:
            proxy.event("tls.handover", start=start)
        play(wire, steps)
        return outcome(wire)


@pytest.mark.lever("handover")
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_answer_is_that_of_openssl(both, basics, name):
    steps, expected = SCRIPTS[name]
    by_openssl = run(both[False], basics, steps, False)
    assert run(both[True], basics, steps, True) == by_openssl
    if expected is not None:
        assert by_openssl == expected
