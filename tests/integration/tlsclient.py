"""A raw HTTP client over TLS or plain TCP: exact bytes out, exact bytes in.

SPDX-License-Identifier: MIT
"""

import json
import select
import socket
import ssl
import tempfile

from events import DEADLINE

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Closed(Exception):
    """The connection ended before the message did."""


class Response:
    def __init__(self, status, reason, version, headers):
        self.status = status
        self.reason = reason
        self.version = version
        self.headers = headers  # [(name, value)]
        self.body = b""
        self.trailers = []
        self.raw_head = b""

    def header(self, wanted):
        """The values of a field, joined; None when absent."""
        values = [value for name, value in self.headers if name.lower() == wanted.lower()]
        return ", ".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    def seen(self, wanted):
        """With the echo's JSON as the body: the values of a header the backend saw."""
        return [value for name, value in self.json()["headers"] if name.lower() == wanted.lower()]


def context(identity=None, chain=None, version=None):
    """A client context that trusts any server, as the tests judge the other direction."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    if version:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    if identity is not None:
        if chain is None:
            chain = identity.above()
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as out:
            out.write(identity.key_pem + identity.pem + "".join(one.pem for one in chain))
            out.flush()
            made.load_cert_chain(out.name)
    return made


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def send(self, data):
        if isinstance(data, str):
            data = data.encode("latin-1")
        self.sock.sendall(data)

    def send_while_reading(self, data):
        """For more than the way holds in both directions, by one thread: an SSL object of Python's
        bears no two at once. What arrives is kept for the next read."""
        pieces, at = [self.buffer], 0
        deadline = self.sock.gettimeout()
        self.sock.setblocking(False)
        while at < len(data):
            wants = []
            try:
                at += self.sock.send(data[at:at + 65536])
            except (BlockingIOError, ssl.SSLWantWriteError):
                wants = [self.sock]
            try:
                pieces.append(self.sock.recv(65536))
                if not pieces[-1]:
                    raise Closed(b"".join(pieces))
            except (BlockingIOError, ssl.SSLWantReadError):
                if wants and not any(select.select(wants, wants, [], deadline)):
                    raise TimeoutError("nothing moves") from None
        self.sock.settimeout(deadline)
        self.buffer = b"".join(pieces)

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def read_until(self, mark):
        while mark not in self.buffer:
            self._more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found + mark

    def read_exactly(self, count):
        pieces, got = [self.buffer[:count]], min(len(self.buffer), count)
        self.buffer = self.buffer[count:]
        while got < count:
            data = self.sock.recv(min(count - got, 1 << 20))
            if not data:
                raise Closed(b"".join(pieces))
            pieces.append(data)
            got += len(data)
        return b"".join(pieces)

    def read_head(self):
        raw = self.read_until(b"\r\n\r\n")
        lines = raw[:-4].decode("latin-1").split("\r\n")
        version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
        headers = []
        for line in lines[1:]:
            field, value = line.split(":", 1)
            assert field == field.strip() and field, line
            headers.append((field, value.strip()))
        made = Response(int(status), reason, version, headers)
        made.raw_head = raw
        return made

    def read_chunked(self, response):
        pieces = []
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            pieces.append(self.read_exactly(size))
            assert self.read_exactly(2) == b"\r\n"
        while True:
            line = self.read_until(b"\r\n")
            if line == b"\r\n":
                return b"".join(pieces)
            field, value = line.decode("latin-1").split(":", 1)
            response.trailers.append((field, value.strip()))

    def read_response(self, method="GET", skip_interim=True):
        """The next response, whole; Closed when the connection ends inside it."""
        while True:
            response = self.read_head()
            if not (skip_interim and 100 <= response.status < 200 and response.status != 101):
                break
        coding = (response.header("transfer-encoding") or "").lower()
        length = response.header("content-length")
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return response
        if coding:
            assert coding == "chunked" and length is None, response.raw_head
            response.body = self.read_chunked(response)
        elif length is not None:
            response.body = self.read_exactly(int(length))
        else:
            response.body = self.read_to_end()
        return response

    def read_to_end(self):
        """Everything up to the end of the connection."""
        pieces = [self.buffer]
        self.buffer = b""
        while True:
            data = self.sock.recv(65536)
            if not data:
                return b"".join(pieces)
            pieces.append(data)

    def is_at_end(self):
        """True when the peer closes, in order, without sending another byte."""
        return self.read_to_end() == b""

    def request(self, method="GET", target="/", headers=(), body=None, host="server.test"):
        self.send(build(method, target, headers, body, host))
        return self.read_response(method)

    def get_json(self, target="/", headers=(), **more):
        return self.request("GET", target, [("Accept", "application/json"), *headers], **more)

    def abort(self):
        """Closes with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def build(method="GET", target="/", headers=(), body=None, host="server.test"):
    """The bytes of a request."""
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{field}: {value}" for field, value in headers]
    names = {field.lower() for field, _ in headers}
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def tcp(proxy, scheme="https", index=0, deadline=DEADLINE):
    sock = socket.create_connection(proxy.address(scheme, index), timeout=deadline)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def plain(proxy, index=0):
    return Connection(tcp(proxy, "http", index))


def connect(proxy, identity=None, chain=None, version=None, sni="server.test", session=None,
            tls=None, index=0):
    """A connection after its handshake. tls: a context made before (needed to resume)."""
    tls = tls or context(identity, chain, version)
    sock = tls.wrap_socket(tcp(proxy, index=index), server_hostname=sni, session=session)
    return Connection(sock)


def fetch(proxy, target="/", headers=(), method="GET", body=None, host=None, **how):
    """One request on a connection of its own."""
    sni = how.get("sni", "server.test")
    with connect(proxy, **how) as connection:
        return connection.request(method, target, headers, body, host=host or sni or "server.test")


def fetch_json(proxy, target="/", headers=(), **how):
    return fetch(proxy, target, [("Accept", "application/json"), *headers], **how)


class Wire:
    """TLS over a socket with the records in the test's hands. step: bytes a TCP segment, at most."""

    def __init__(self, proxy, tls, session=None, step=None):
        self.tcp = tcp(proxy)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_hostname="server.test",
                                session=session)
        self.step = step
        self._until_done(self.tls.do_handshake)

    def raw(self, data):
        for at in range(0, len(data), self.step or len(data) or 1):
            self.tcp.sendall(data[at:at + (self.step or len(data))])

    def _until_done(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                self.raw(self.outgoing.read())
                data = self.tcp.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            finally:
                self.raw(self.outgoing.read())

    def seal(self, data):
        """The records of data, not sent."""
        self.tls.write(data)
        return self.outgoing.read()

    def sendall(self, data):
        self.raw(self.seal(data))

    def recv(self, size):
        try:
            return self._until_done(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    def close(self):
        self.tcp.close()
