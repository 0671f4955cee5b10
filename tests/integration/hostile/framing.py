"""Where a message ends: Content-Length and Transfer-Encoding (RFC 9112 section 6).

SPDX-License-Identifier: MIT
"""

from hostile.case import (HOST, SMUGGLED, SMUGGLED_CHUNK, SMUGGLED_LENGTH, either, forwarded, head,
                          post, refused, shown)

CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"

# RFC 9110 section 8.6: 1*DIGIT; what is beside it is read in more than one way
BAD_LENGTHS = (
    b"", b"+3", b"-3", b"-0", b"+0", b"0x3", b"0X3", b"03", b"00", b"3,3", b"3, 3", b"3,4", b"3;",
    b"3;3", b"3.0", b"3e0", b'"3"', b"'3'", b"3 3", b"3\t3", b"0 3", b"abc", b"3a", b"a3", b"NaN",
    b"\x0b3", b"3\x0b", b"3\x0c", b"3\0", b"\0", b"\xa03", b"3\xa0", b"\xd9\xa3", b"\xef\xbc\x93",
    b"3\\", b"(3)", b"3 (three)", b"3=3", b"%33", b"18446744073709551616", b"18446744073709551619",
    b"9223372036854775808", b"9223372036854775807", b"4294967299", b"999999999999999999999999",
    b"-18446744073709551613", b"1_0", b"3,", b",3", b"3:3", b"0b11", b"3L", b"3u",
)
LENGTH_PAIRS = ((b"3", b"3"), (b"3", b"4"), (b"0", b"3"), (b"3", b"0"), (b"", b"3"), (b"3", b""),
                (b"3", b"x"), (b"x", b"3"))
GOOD_CODINGS = (b"chunked", b"Chunked", b"CHUNKED", b"cHuNkEd", b" chunked", b"\tchunked",
                b"   chunked",
                b"chunked ", b"chunked\t", b" \t chunked \t ")
# sections 6.1 and 6.3 rule 4, and every spelling that hides the word from one of two readers
BAD_CODINGS = (
    b"", b"xchunked", b"chunkedx", b"chunked,", b",chunked", b",, chunked", b"chunked;",
    b"chunked;q=1",
    b"chunked, identity", b"identity", b"identity, chunked", b"gzip", b"gzip, chunked",
    b"chunked, gzip", b"chunked, chunked", b"chunked,chunked,chunked", b'"chunked"', b"'chunked'",
    b"chunk", b"chun ked", b"chunked chunked", b"\x0bchunked", b"chunked\x0b", b"\x0cchunked",
    b"chunked\0", b"\0chunked", b"chunked\x7f", b"\xa0chunked", b"chunked\xa0", b"\xffchunked",
    b"\xe2\x80\x8bchunked", b"chunked\r", b"\rchunked", b"chunked\n", b"chunked/1.0", b"chunked-x",
    b"trailers, chunked", b"x", b"none", b"deflate", b"compress, chunked", b"=chunked",
    b"chunked=1", b"chunked:", b":chunked", b"[chunked]", b"chunked\\", b"%63hunked", b"chun\tked",
    b"chun\r\n ked", b"\r\n chunked", b"chunked\r\n ", b"0", b"chunked\x1f", b"\x01chunked",
    b"c\xcc\x81hunked", b"\xe1\xb8\xb3chunked", b"chun\xe2\x84\xaaed",
)
NAMES = {
    b"Content-Length": (b"4", SMUGGLED),
    b"Transfer-Encoding": (b"chunked", b"0\r\n\r\n"),
}


def odd_names(name):
    first, last = name.split(b"-")
    return (
        first + b"_" + last, first + b"." + last, first + last, first + b"--" + last,
        name + b" ", name + b"\t", name + b"\0", name + b"\x0b", name + b"\xa0", name + b"\r",
        b" " + name, b"\t" + name, b"\0" + name, b"\xa0" + name, b"\xef\xbb\xbf" + name,
        first + b" " + last, first + b"\t" + last, first + b"\0" + last, first + b"\xad" + last,
        first + b"\xe2\x80\x90" + last, first + b"\n" + last, first + b"\r\n-" + last,
        first + b"\r\n " + last, name + b"\r\n ", b"-" + name, name + b"_", b'"' + name + b'"',
        name + b"0", name + b"\x08x", b"[" + name + b"]", first + b"/" + last,
    )


def lengths():
    for value in BAD_LENGTHS:
        yield refused(f"length-is-{shown(value)}", post(b"Content-Length: " + value, body=b"abc"))
    for one, other in LENGTH_PAIRS:
        yield refused(f"lengths-{shown(one)}-and-{shown(other)}",
                      post(b"Content-Length: " + one, b"Content-Length: " + other, body=b"abc"))
    for name in (b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"cOnTeNt-LeNgTh"):
        yield forwarded(f"length-named-{shown(name)}", post(name + b": 3", body=b"abc"))
    for value in (b"0", b" 0 ", b"\t0"):
        yield forwarded(f"no-length-as-{shown(value)}", post(b"Content-Length:" + value))
    for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"PATCH", b"PROPFIND"):
        for fields, body in (((SMUGGLED_LENGTH,), SMUGGLED),
                             ((b"Transfer-Encoding: chunked",), SMUGGLED_CHUNK + b"0\r\n\r\n")):
            # RFC 9110 section 9.3.1: content in any of them must not become a request
            yield forwarded(f"{shown(method)}-with-{shown(fields[0])}",
                            head(method + b" / HTTP/1.1", HOST, *fields) + body)
    # nothing says there is a body: what follows is the next request, and no request at all here
    yield refused("body-without-length", post(body=b"abc\r\n\r\n"), good=1)


def codings():
    for value in GOOD_CODINGS:
        yield forwarded(f"coding-is-{shown(value)}",
                        post(b"Transfer-Encoding:" + value, body=CHUNKS))
        # RFC 9112 section 6.3 rule 3: nobody honest sends both
        yield refused(f"coding-{shown(value)}-and-length",
                      post(b"Transfer-Encoding:" + value, b"Content-Length: 5",
                           body=b"0\r\n\r\n" + SMUGGLED))
    for value in BAD_CODINGS:
        field = b"Transfer-Encoding: " + value
        yield refused(f"coding-is-{shown(value)}", post(field, body=CHUNKS))
        yield refused(f"te-cl-{shown(value)}", post(b"Content-Length: 4", field,
                                                   body=SMUGGLED_CHUNK + b"0\r\n\r\n"))
    for one, other in ((b"chunked", b"chunked"), (b"chunked", b"identity"),
                       (b"identity", b"chunked"),
                       (b"", b"chunked"), (b"chunked", b""), (b"gzip", b"chunked"),
                       (b"chunked", b"x")):
        yield refused(f"codings-{shown(one)}-and-{shown(other)}",
                      post(b"Transfer-Encoding: " + one, b"Transfer-Encoding: " + other,
                           body=CHUNKS))
    for version in (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2"):
        yield refused(f"chunked-in-{shown(version)}",
                      head(b"POST / " + version, HOST, b"Transfer-Encoding: chunked") + CHUNKS)
    yield refused("chunked-in-1.0-kept-alive",
                  head(b"POST / HTTP/1.0", HOST, b"Connection: keep-alive",
                       b"Transfer-Encoding: chunked") + CHUNKS)


def aliases():
    for name, (value, body) in NAMES.items():
        for odd in odd_names(name):
            line = odd + b": " + value
            # What is a token and folds to no framing field is a field like any other; in the
            # rest a body may be seen by one reader alone.
            yield refused(f"odd-name-{shown(odd)}", post(line, body=body))
            if name == b"Transfer-Encoding":
                yield refused(f"odd-name-{shown(odd)}-and-length",
                              post(line, b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED))
        folded = b"X-Folded: a\r\n " + name + b": " + value
        yield refused(f"folded-{shown(name)}", post(folded, body=body))
        yield refused(f"first-line-blank-{shown(name)}",
                      head(b"POST / HTTP/1.1", b" " + name + b": " + value, HOST) + body)
        for byte in (b"\r", b"\n", b"\0", b"\x0b", b"\x85", b"\x1c"):
            made = post(b"X: y" + byte + name + b": " + value, body=body)
            make = either if byte == b"\x85" else refused
            yield make(f"{shown(name)}-behind-{shown(byte)}", made)
    for listed in (b"Content-Length", b"Transfer-Encoding", b"Host", b"content-length, host"):
        # RFC 9110 section 7.6.1: a list of fields to drop must not undo the framing
        yield either(f"connection-lists-{shown(listed)}-with-length",
                     post(b"Connection: " + listed, SMUGGLED_LENGTH, body=SMUGGLED))
        yield either(f"connection-lists-{shown(listed)}-with-chunks",
                     post(b"Connection: " + listed, b"Transfer-Encoding: chunked",
                          body=SMUGGLED_CHUNK + b"0\r\n\r\n"))


def cases():
    yield from lengths()
    yield from codings()
    yield from aliases()
