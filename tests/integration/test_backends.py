"""Backends that nobody here wrote: nginx, Apache httpd, a WSGI server and Node.js. What they say
comes through unchanged, and what a client says reaches them.

SPDX-License-Identifier: MIT
"""

import email.utils
import gzip
import os

import pytest

import backends
import tlsclient
import websocket
from proxy import Proxy, configuration, site

LARGE = bytes(range(256)) * 8192  # 2 MiB, no byte of it special
STATIC = ("nginx", "apache2")
DYNAMIC = ("wsgi", "node")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    folder.chmod(0o755)
    (folder / "large.bin").write_bytes(LARGE)
    (folder / "empty.bin").write_bytes(b"")
    (folder / "packed.gz").write_bytes(gzip.compress(LARGE, mtime=0))
    for path in folder.iterdir():
        path.chmod(0o644)
        os.utime(path, (10 ** 9 + 9, 10 ** 9 + 9))  # Apache takes what is new for still changing
    for above in [folder, *folder.parents][:3]:
        above.chmod(0o755)
    return str(folder)


@pytest.fixture(scope="module", params=STATIC + DYNAMIC)
def served(request, basics, files, tmp_path_factory):
    """(name, proxy in front of that backend)"""
    folder = tmp_path_factory.mktemp(request.param)
    try:
        with backends.running(request.param, str(folder), files) as url:
            limits = {"header_bytes": "64k"}
            with Proxy(configuration(site(basics, upstream=url), limits=limits)) as started:
                yield request.param, started
    except backends.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def client(served, basics):
    with tlsclient.connect(served[1], basics.alice) as connection:
        yield connection


def only(served, names):
    if served[0] not in names:
        pytest.skip("not what this backend does")


@pytest.mark.parametrize("name", ("large.bin", "empty.bin", "packed.gz"))
def test_content_comes_byte_for_byte(client, files, name):
    answer = client.request(target="/" + name, headers=[("Accept-Encoding", "gzip")])
    with open(os.path.join(files, name), "rb") as source:
        assert (answer.status, answer.body) == (200, source.read())
    assert answer.header("content-encoding") is None


def test_head_has_the_length_and_no_content(served, client):
    only(served, STATIC)
    answer = client.request("HEAD", "/large.bin")
    assert (answer.status, answer.header("content-length")) == (200, str(len(LARGE)))
    assert client.request(target="/empty.bin").status == 200


@pytest.mark.parametrize("wanted, part", [("bytes=0-0", LARGE[:1]),
                                          ("bytes=1000-99999", LARGE[1000:100000]),
                                          ("bytes=-7", LARGE[-7:])])
def test_ranges(served, client, wanted, part):
    """RFC 9110 section 14"""
    only(served, STATIC)
    answer = client.request(target="/large.bin", headers=[("Range", wanted)])
    assert (answer.status, answer.body) == (206, part)
    assert answer.header("content-range").endswith(f"/{len(LARGE)}")


def test_several_ranges_and_one_that_is_not_there(served, client):
    only(served, STATIC)
    answer = client.request(target="/large.bin", headers=[("Range", "bytes=0-1,10-11")])
    assert answer.status == 206
    assert answer.header("content-type").startswith("multipart/byteranges")
    assert b"\x00\x01" in answer.body and b"\x0a\x0b" in answer.body
    answer = client.request(target="/large.bin", headers=[("Range", "bytes=99999999-")])
    assert answer.status == 416


def test_conditional_requests(served, client):
    """RFC 9110 section 13"""
    only(served, STATIC)
    first = client.request(target="/large.bin")
    etag, modified = first.header("etag"), first.header("last-modified")
    for field in (("If-None-Match", etag), ("If-Modified-Since", modified)):
        answer = client.request(target="/large.bin", headers=[field])
        assert (answer.status, answer.body) == (304, b"")
    long_ago = email.utils.formatdate(10 ** 9, usegmt=True)
    for field in (("If-Match", '"other"'), ("If-Unmodified-Since", long_ago)):
        assert client.request(target="/large.bin", headers=[field]).status == 412
    answer = client.request(target="/large.bin", headers=[("If-Range", etag),
                                                          ("Range", "bytes=0-4")])
    assert (answer.status, answer.body) == (206, LARGE[:5])


def test_what_is_not_there(served, client):
    only(served, STATIC)
    answer = client.request(target="/missing")
    assert answer.status == 404 and answer.body
    assert client.request(target="/empty.bin").status == 200


@pytest.mark.parametrize("size", (0, 1, 65536, len(LARGE)))
def test_content_goes_and_comes_byte_for_byte(served, client, size):
    only(served, DYNAMIC)
    answer = client.request("POST", "/mirror", body=LARGE[:size])
    assert (answer.status, answer.body) == (200, LARGE[:size])


def test_chunks_both_ways(served, client):
    only(served, ("node",))
    client.send(b"POST /mirror HTTP/1.1\r\nHost: server.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, 200000, 10000):
        client.send(b"2710\r\n" + LARGE[at:at + 10000] + b"\r\n")
    client.send(b"0\r\n\r\n")
    answer = client.read_response()
    assert (answer.status, answer.body) == (200, LARGE[:200000])


@pytest.mark.parametrize("size", (4000, 30000))
def test_large_fields(served, client, size):
    only(served, DYNAMIC)
    answer = client.request(target="/sizes", headers=[("X-Large", "a" * size)])
    assert (answer.status, answer.body) == (200, str(size).encode())


def test_connections_to_the_backend_are_kept(served, client):
    only(served, ("node",))
    before = int(client.request(target="/connections").body)
    for _ in range(50):
        assert client.request("POST", "/mirror", body=b"abc").body == b"abc"
    assert int(client.request(target="/connections").body) <= before + 1


def test_websocket_echo(served, client):
    only(served, ("node",))
    assert websocket.open_on(client).status == 101
    for text in (b"", b"a", b"hello" * 20):
        client.send(websocket.frame(text))
        assert websocket.read_frame(client.read_exactly) == (websocket.BINARY, text)
