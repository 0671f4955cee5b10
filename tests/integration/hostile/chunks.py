"""Chunks, their extensions and trailers (RFC 9112 section 7.1).

SPDX-License-Identifier: MIT
"""

from hostile.case import SMUGGLED, SMUGGLED_CHUNK, SPOOFED, forwarded, post, refused, shown

# What stands before the CRLF of the size line of a chunk of three bytes.
GOOD_SIZES = (b"3", b"03", b"0000003", b"3;a", b"3;a=b", b'3;a="b"', b'3;a="b;c"', b'3; a = "b"',
              b"3;a;b;c", b'3;a="\\""', b"3;a=b;c=d", b'3;a="\xe4"', b"3;" + b"a" * 200)
BAD_SIZES = (
    b"", b" 3", b"3 ", b"\t3", b"3\t", b"+3", b"-3", b"0x3", b"0X3", b"3h", b"x", b"g", b"3,3",
    b"3 3",
    b"3.0", b"3_", b"\0", b"3\0", b"3\x0b", b"\x0b3", b"3\xa0", b"3\r", b"\r3", b"3\n", b"\n3",
    b"-fffffffffffffffd", b"10000000000000003", b"fffffffffffffffff", b"8000000000000003",
    b"ffffffffffffffff", b"7fffffffffffffff", b"100000003" * 2, b"0" * 40 + b"3", b"3;", b"3;;",
    b"3;=",
    b"3;=b", b"3;a=", b"3;a b", b"3;a=b c", b'3;a="b', b'3;a="b"c', b"3;a=\0", b"3;a\nb", b"3;a\rb",
    b'3;a="\n"', b'3;a="\r"', b'3;a="\0"', b"3;\x7f", b"3;a\x01", b"3;" + b"a" * 9000, b"3 ;a ; =",
    b"3:a",
    b"3#a", b"'3'", b'"3"', b"3%3B", b"\xef\xbc\x93",
)
BAD_ENDS = (b"", b"\n", b"\r", b"\r\r\n", b"\n\r", b"  \r\n", b"d\r\n", b"\0\r\n", b"\r\n\r\n",
            b"\n\n",
            b"\x0b\r\n", b"X\r\n" + SMUGGLED)
GOOD_TRAILERS = (
    b"X: y", b"X:", b"X:y", b"X: y\r\nY: z", b"X: \xe4", b"Content-Length: 5",
    b"Transfer-Encoding: chunked",
    b"Host: other.test", b"Content-Length: x", b"Connection: close", b"Authorization: Basic eA==",
    b"Client-Cert: " + SPOOFED, b"X-Remote-User: " + SPOOFED, b"SSL_CLIENT_VERIFY: " + SPOOFED,
    b"x_remote_user: " + SPOOFED, b"X-Forwarded-For: " + SPOOFED,
)
BAD_TRAILERS = (
    b"X : y", b"X\t: y", b" X: y", b"\tX: y", b"X", b": y", b"X: y\r\n z", b"X: y\r\n\tz",
    b"X: y\nZ: y",
    b"X: y\rZ: y", b"X: \0", b"X\0: y", b"X: \x7f", b"X: \x01", b"X(: y", b"X\xe4: y",
    b"GET / HTTP/1.1",
    b"X: " + b"y" * 70000, b"\n", b"\r", b"\0",
)


def chunked(body):
    return post(b"Transfer-Encoding: chunked", body=body)


def cases():
    for size in GOOD_SIZES:
        yield forwarded(f"chunk-size-{shown(size)}", chunked(size + b"\r\nabc\r\n0\r\n\r\n"))
    for size in BAD_SIZES:
        yield refused(f"chunk-size-{shown(size)}", chunked(size + b"\r\nabc\r\n0\r\n\r\n"))
        last = size.replace(b"3", b"0", 1)
        if b"3" in size and last != b"0" * 41 and not size.startswith((b"1", b"8")):
            yield refused(f"last-chunk-{shown(last)}",
                          chunked(b"3\r\nabc\r\n" + last + b"\r\n\r\n"))
    for last in (b"0", b"00", b"000000", b"0;a", b'0;a="b"'):
        yield forwarded(f"last-chunk-{shown(last)}", chunked(b"3\r\nabc\r\n" + last + b"\r\n\r\n"))
    for end in BAD_ENDS:
        yield refused(f"chunk-ends-{shown(end)}", chunked(b"3\r\nabc" + end + b"0\r\n\r\n"))
    for trailer in GOOD_TRAILERS:
        yield forwarded(f"trailer-{shown(trailer)}",
                        chunked(b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n\r\n"))
    for trailer in BAD_TRAILERS:
        yield refused(f"trailer-{shown(trailer)}",
                      chunked(b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n\r\n"))
    for digits in (b"a\r\n0123456789\r\n", b"A\r\n0123456789\r\n", b"1\r\na\r\n" * 200,
                   SMUGGLED_CHUNK):
        yield forwarded(f"chunks-{shown(digits)}", chunked(digits + b"0\r\n\r\n"))
    yield refused("chunked-body-too-large",
                  chunked((b"4000\r\n" + b"a" * 0x4000 + b"\r\n") * 5 + b"0\r\n\r\n"))
    yield refused("one-chunk-too-large", chunked(b"20000\r\n" + b"a" * 0x20000 + b"\r\n0\r\n\r\n"))
    # Of what follows the end nothing belongs to the body.
    yield forwarded("request-behind-chunks", chunked(b"0\r\n\r\n") + SMUGGLED, count=2)
    yield refused("junk-behind-chunks", chunked(b"0\r\n\r\n") + b"abc\r\n\r\n", good=1)
    yield refused("chunks-go-on-behind-the-last",
                  chunked(b"0\r\n\r\n") + b"3\r\nabc\r\n0\r\n\r\n", good=1)
