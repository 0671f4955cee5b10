"""Request targets and Host (RFC 9112 section 3.2, RFC 3986).

SPDX-License-Identifier: MIT
"""

from hostile.case import HOST, declined, either, forwarded, get, head, refused, shown

GOOD = (
    b"/", b"/a", b"/a/", b"/a/./b", b"/a/../b", b"/a/%2e/b", b"/a/%2E%2e/b", b"/%61",
    b"/a/b/../../c", b"/.", b"/a/.",
    b"/a/..", b"/...", b"/a/.../b", b"/.a", b"/a..", b"/%7e", b"/?", b"/?a", b"/?/../x", b"/?%00",
    b"/?%2f..%2f", b"/?a?b",
    b"/a?b=%zz", b"/;a=b", b"/a;b/c", b"/%20", b"/%c3%a4", b"/%e2%82%ac", b"/%f0%9f%98%80", b"/%25",
    b"/%25%32%65",
    b"/%252e%252e/x", b"/%3f", b"/%23", b"/a:b@c", b"/http://other.test/", b"/%3ca%3e", b"/|",
    b"/{a}", b"/^",
    b"http://server.test/", b"https://server.test/a", b"HTTP://server.test/a",
    b"https://server.test",
    b"https://server.test?a", b"https://server.test/a/../b", b"/%0d%0aX:%20y", b"/%09", b"/%7f",
)
# interface: 400 for what backends read in more than one way
BAD = (
    b"a", b"?a", b"*", b"server.test", b"server.test:443", b":443", b"http:", b"http:/", b"http://",
    b"http:///", b"http:///a",
    b"https://", b"http:a", b"ftp://server.test/", b"file:///etc/passwd", b"ws://server.test/",
    b"javascript:a",
    b"http://user@server.test/", b"http://user:pw@server.test/", b"http://server.test:99999/",
    b"http://server.test:x/",
    b"http://server.test:-1/", b"http://[::1/", b"http://[::g]/", b"http://server.test#/",
    b"http://server.test\\@x/",
    b"http://server.test%2f/", b"http://a,b/", b"http://..../", b"http:\\\\server.test\\",
    b"http://[v1.a]/", b"http://[fe80::1%25lo]/",
    b"/#", b"/a#b", b"/a?b#c", b"/%", b"/%0", b"/%zz", b"/%4", b"/%g0", b"/%-1", b"/%u002e",
    b"/%00", b"/a%00.html", b"/%2f",
    b"/a%2fb", b"/a%2Fb", b"/%5c", b"/%5C", b"/\\", b"/a\\b", b"/..", b"/../", b"/../a",
    b"/a/../..", b"/a/../../b",
    b"/%2e%2e/", b"/%2e./a", b"/.%2e/a", b"/a/%2e%2e/%2e%2e/b", b"/..;/a", b"/a/..;x=y/b",
    b"/a/..;", b"/.;/a", b"/a/.;x/b",
    b"/%2e%2e;/a", b"/..%2fa", b"/..%5ca", b"/..\\a", b"/%c0%ae%c0%ae/", b"/%c0%af", b"/%c1%9c",
    b"/%e0%80%af", b"/%f0%80%80%af",
    b"/%ff", b"/%80", b"/%c3", b"/%c3%28", b"/%ed%a0%80", b"/%f4%90%80%80", b"/%fe%ff", b"\\",
    b"\\/", b"/..%00/",
)
UNCLEAR = (b"//", b"//a", b"/a//b", b"///", b"/a//../b", b"http://other.test/",
           b"http://server.test:80/", b"http://127.0.0.1/",
           b"https://server.test./", b"//server.test/a", b"/*", b"http://SERVER.test:443/")
GOOD_HOSTS = (b"server.test", b"SERVER.TEST", b"server.test:443", b" server.test", b"server.test\t",
              b"server.test:")
BAD_HOSTS = (
    b"", b" ", b":443", b".", b"..", b"server..", b"a b", b"server.test other.test",
    b"server.test/", b"server.test/a", b"server.test?a", b"server.test#a", b"user@server.test",
    b"http://server.test",
    b"server.test:99999", b"server.test:x", b"server.test:-1", b"server.test:443:443",
    b"server.test:4 43", b"server.test:+1",
    b"[", b"[]", b"[::1", b"::1", b"[::1]x", b"[::1]:x", b"[::g]", b"[v1.a]", b"[fe80::1%lo]",
    b"server%2etest", b"server\\test",
    b"<server>", b"server|test", b'"server.test"', b"server.test\x0b", b"server\xe4.test",
    b"server.test\0", b"{server}",
    b"server^test", b"server`test", b"server.test:443,", b"server.test;\0", b"\xef\xbc\x8e",
    b"server.test:00443443",
)


def hosts():
    for host in GOOD_HOSTS:
        yield forwarded(f"host-{shown(host)}", head(b"GET / HTTP/1.1", b"Host: " + host))
    for host in BAD_HOSTS:
        yield refused(f"host-{shown(host)}", head(b"GET / HTTP/1.1", b"Host: " + host))
    for host in (b"other.test", b"127.0.0.1", b"[::1]", b"localhost", b"server.test.", b"a" * 300,
                 b"server.test:0",
                 b"server.test:80", b"xn--a", b"a_b", b"-", b"1", b"a;b", b"0x7f.1", b"*",
                 b"server.test,other.test"):
        yield either(f"unclear-host-{shown(host)}", head(b"GET / HTTP/1.1", b"Host: " + host))
    for lines in ((), (HOST, HOST), (HOST, b"Host: other.test"), (HOST, b"host: server.test"),
                  (b"Host:", HOST), (HOST, b"Host:"),
                  (b"Host : server.test",), (b" Host: server.test",),
                  (b"Host: server.test\r\n other.test",), (b"Host",),
                  (HOST, b"Host : other.test"), (HOST, b" Host: other.test"),
                  (b"Host\0: server.test",), (b"Hos\xb7t: server.test",),
                  (HOST, b"Host\t: other.test"), (b"Host:\r\n server.test",)):
        yield refused(f"hosts-{shown(b'+'.join(lines))}", head(b"GET / HTTP/1.1", *lines))
    yield refused("absolute-without-host", head(b"GET http://server.test/ HTTP/1.1"))
    yield either("absolute-with-another-host", head(b"GET http://server.test/ HTTP/1.1",
                                                    b"Host: other.test"))
    yield either("absolute-of-another-host", head(b"GET http://other.test/ HTTP/1.1", HOST))
    yield either("1.0-without-host", head(b"GET / HTTP/1.0"))
    yield refused("1.0-with-two-hosts", head(b"GET / HTTP/1.0", HOST, HOST))


def cases():
    for target in GOOD:
        yield forwarded(f"target-{shown(target)}", get(target=target))
    for target in BAD:
        yield declined(f"target-{shown(target)}", get(target=target))
    for target in UNCLEAR:
        yield either(f"target-{shown(target)}", get(target=target))
    for byte in (b"\x80", b"\xc3\xa4", b"\xff", b"\x7f", b"\x1f", b"\xc0\xae"):
        yield refused(f"target-with-{shown(byte)}", get(target=b"/" + byte))
    for target in (b"*", b"http://server.test", b"https://server.test", b"/"):
        yield forwarded(f"options-{shown(target)}", head(b"OPTIONS " + target + b" HTTP/1.1", HOST))
    for target in (b"**", b"*/", b"/*/..;", b"*?a", b"server.test", b"server.test:443", b"%2a"):
        yield declined(f"options-{shown(target)}", head(b"OPTIONS " + target + b" HTTP/1.1", HOST))
    for method in (b"POST", b"PUT", b"DELETE", b"HEAD", b"PATCH"):
        yield declined(f"asterisk-of-{shown(method)}", head(method + b" * HTTP/1.1", HOST))
    for target in (b"server.test:443", b"127.0.0.1:22", b"server.test", b"/", b"*",
                   b"http://server.test/", b"[::1]:1",
                   b":443", b"server.test:", b"user@server.test:443"):
        yield declined(f"connect-{shown(target)}", head(b"CONNECT " + target + b" HTTP/1.1", HOST))
    yield from hosts()
