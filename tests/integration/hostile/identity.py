"""Fields that speak for the client or the hop: spoofed names, Connection, Expect, Upgrade.

SPDX-License-Identifier: MIT
"""

from hostile.case import (HOST, SMUGGLED, SMUGGLED_LENGTH, SPOOFED, declined, either, forwarded,
                          get, head, post, refused,
                          shown)

# What the proxy sends with every request in this test, folded as a CGI would.
GENUINE = ("CLIENT_CERT", "X_ARR_CLIENTCERT", "X_FORWARDED_CLIENT_CERT", "X_SSL_CLIENT_VERIFY",
           "X_SSL_CLIENT_CERT",
           "X_FORWARDED_TLS_CLIENT_CERT", "X_AMZN_MTLS_CLIENTCERT_LEAF", "SSL_CLIENT_VERIFY",
           "SSL_CLIENT_S_DN",
           "X_REMOTE_USER", "X_FORWARDED_FOR", "X_FORWARDED_PROTO")
NAMES = (
    b"Client-Cert", b"Client-Cert-Chain", b"X-ARR-ClientCert", b"X-ARR-SSL",
    b"X-Forwarded-Client-Cert", b"X-SSL-Client-Verify",
    b"X-SSL-Client-Cert", b"X-SSL-Client-S-DN", b"X-Forwarded-Tls-Client-Cert",
    b"X-Amzn-Mtls-Clientcert-Leaf",
    b"SSL-Client-Verify", b"SSL-Client-S-DN", b"X-Remote-User", b"Remote-User", b"Auth-User",
    b"X-Forwarded-User",
    b"MS-ASPNETCORE-CLIENTCERT", b"X-Original-URL", b"X-Rewrite-URL", b"X-Forwarded-For",
    b"X-Forwarded-Proto", b"X-Forwarded-Host",
    b"X-Real-IP", b"True-Client-IP", b"Forwarded", b"X-Client-Cert", b"X-Client-DN",
    b"X-WebAuth-User", b"Front-End-Https",
    b"X-Identity-Omitted",
)


def spellings(name):
    underscored = name.replace(b"-", b"_")
    return sorted({name, name.lower(), name.upper(), name.swapcase(), underscored,
                   underscored.upper(),
                   name.replace(b"-", b"_", 1), name.replace(b"-", b"."), name.replace(b"-", b"~")})


def spoofed():
    for name in NAMES:
        for spelling in spellings(name):
            yield forwarded(f"spoofed-{shown(spelling)}", get(spelling + b": " + SPOOFED))
        for line in (name + b" : " + SPOOFED, b" " + name + b": " + SPOOFED,
                     b"X: y\r\n " + name + b": " + SPOOFED,
                     b"X: y\n" + name + b": " + SPOOFED, b"X: y\r" + name + b": " + SPOOFED,
                     name + b"\0: " + SPOOFED,
                     b"X " + name + b": " + SPOOFED, name + b"\r\n : " + SPOOFED,
                     name + b"\xa0: " + SPOOFED):
            yield refused(f"spoofed-line-{shown(name)}-{shown(line)}", get(line))
        # RFC 9110 section 7.6.1: the list may drop what the client sent, never what we add
        yield forwarded(f"listed-{shown(name)}", get(b"Connection: keep-alive, " + name,
                                                     name + b": " + SPOOFED))
        yield forwarded(f"listed-folded-{shown(name)}",
                        get(b"Connection: " + name.replace(b"-", b"_").lower(),
                            name + b": " + SPOOFED))
        yield forwarded(f"twice-{shown(name)}", get(name + b":", name + b": " + SPOOFED,
                                                    name + b": " + SPOOFED))
        yield forwarded(f"second-request-{shown(name)}", get() + get(name + b": " + SPOOFED),
                        count=2)
    yield forwarded("spoofed-in-1.0", head(b"GET / HTTP/1.0", HOST, b"X-Remote-User: " + SPOOFED),
                    closes=True)
    yield forwarded("spoofed-behind-many", get(*(b"X-%d: y" % n for n in range(40)),
                                               b"X-Remote-User: " + SPOOFED))


def connection():
    for value in (b"", b",", b"keep-alive", b"x", b"close x", b"X-Remote-User", b"Via",
                  b"X-Forwarded-For, X-Forwarded-Proto",
                  b"keep-alive, keep-alive", b"TE, trailers", b"," * 200, b"Cookie", b"Host",
                  b"Authorization", b"Connection"):
        yield forwarded(f"connection-{shown(value)}", get(b"Connection: " + value, b"Cookie: a=b"))
    for value in (b"close", b"Close", b"close, keep-alive", b"keep-alive,close", b"x,close",
                  b" ,close"):
        yield forwarded(f"connection-{shown(value)}", get(b"Connection: " + value), closes=True)
    for line in (b"Proxy-Connection: close", b"Keep-Alive: timeout=0, max=0", b"TE: trailers",
                 b"TE: chunked", b"Trailer: X",
                 b"Trailer: Content-Length", b"Proxy: http://other.test/", b"Max-Forwards: 0",
                 b"Via: 1.1 x", b"Proxy-Authorization: x",
                 b"X-HTTP-Method-Override: DELETE", b"Early-Data: 1", b"Content-Encoding: gzip",
                 b"HTTP2-Settings: AAMAAABk"):
        yield forwarded(f"hop-{shown(line)}", get(line))


def expectations():
    for value in (b"100-continue", b"100-Continue", b"100-CONTINUE"):
        yield forwarded(f"expect-{shown(value)}", post(b"Expect: " + value, b"Content-Length: 3",
                                                       body=b"abc"))
        yield forwarded(f"expect-{shown(value)}-chunked",
                        post(b"Expect: " + value, b"Transfer-Encoding: chunked",
                             body=b"3\r\nabc\r\n0\r\n\r\n"))
        yield forwarded(f"expect-{shown(value)}-without-content", get(b"Expect: " + value))
    for value in (b"", b"x", b"100", b"100-continue, x", b"100-continue,100-continue",
                  b"100-continue;q=1", b"200-ok",
                  b'"100-continue"', b"100 continue", b"y 100-continue", b"100-continuex",
                  b"\xa0100-continue"):
        # A body that nobody may have asked for must not be taken for requests.
        yield refused(f"expect-{shown(value)}", post(b"Expect: " + value, SMUGGLED_LENGTH,
                                                     body=SMUGGLED))
        yield declined(f"expect-{shown(value)}-without-content", get(b"Expect: " + value))
    yield refused("expect-twice", post(b"Expect: 100-continue", b"Expect: 100-continue",
                                       SMUGGLED_LENGTH,
                                       body=SMUGGLED))
    for line in (b"Expect : 100-continue", b"Expect:\r\n 100-continue", b"Expect\0: 100-continue",
                 b"Expect: 100-continue\n"):
        yield refused(f"expect-line-{shown(line)}", post(line, b"Content-Length: 3", body=b"abc"))


def upgrades():
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    version = b"Sec-WebSocket-Version: 13"
    for fields in ((b"Connection: Upgrade", b"Upgrade: websocket", key, version),
                   (b"Connection: Upgrade", b"Upgrade: websocket", key,
                    b"Sec-WebSocket-Version: 777"),
                   (b"Connection: Upgrade", b"Upgrade: websocket"),
                   (b"Upgrade: websocket", key, version),
                   (b"Connection: Upgrade",), (b"Connection: Upgrade", b"Upgrade: x"),
                   (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                    b"HTTP2-Settings: AAMAAABk"),
                   (b"Connection: Upgrade", b"Upgrade: h2c, websocket"),
                   (b"Connection: Upgrade", b"Upgrade: TLS/1.2"),
                   (b"Connection: Upgrade", b"Upgrade: websocket", b"Upgrade: h2c", key, version),
                   (b"Connection: upgrade, close", b"Upgrade: websocket", key, version)):
        title = "+".join(one.split(b": ")[1].decode() for one in fields)
        # The backend says no: whatever follows is read as HTTP again or not at all.
        yield either(f"upgrade-{title}", get(*fields))
        yield either(f"upgrade-{title}-with-content", post(*fields, SMUGGLED_LENGTH, body=SMUGGLED))
        yield refused(f"upgrade-{title}-with-both-lengths",
                      post(*fields, SMUGGLED_LENGTH, b"Transfer-Encoding: chunked", body=SMUGGLED))
        yield refused(f"upgrade-{title}-folded", get(*fields, b"X: y", b" z"))


def cases():
    yield from spoofed()
    yield from connection()
    yield from expectations()
    yield from upgrades()
