"""A recording backend that does as it is told: exact bytes seen, any bytes answered.

SPDX-License-Identifier: MIT
"""

import os
import queue
import socket
import sys
import threading

from events import DEADLINE, eventually


class Request:
    def __init__(self, raw, connection):
        self.raw = raw
        self.connection = connection  # counts from 0
        lines = raw[:-4].decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        self.body = None
        self.trailers = b""

    def values(self, wanted):
        return [value for name, value in self.headers if name.lower() == wanted.lower()]

    def header(self, wanted):
        found = self.values(wanted)
        return ", ".join(found) if found else None

    @property
    def path(self):
        return self.target.split("?")[0]


class Truncated(Exception):
    """The proxy ended the connection inside a message, as it must when the client did."""


class Exchange:
    """One request being answered; a handler gets it as soon as the head is there."""

    def __init__(self, upstream, sock, reader, request):
        self.upstream = upstream
        self.sock = sock
        self.reader = reader
        self.request = request
        self.is_closed = False

    def read_body(self):
        request = self.request
        if request.body is not None:
            return request.body
        if (request.header("transfer-encoding") or "").lower() == "chunked":
            pieces = []
            while True:
                size = int(self._line().split(b";")[0], 16)
                if size == 0:
                    break
                pieces.append(self._exactly(size))
                assert self._exactly(2) == b"\r\n"
            while True:
                line = self._line()
                if line == b"\r\n":
                    break
                request.trailers += line
            request.body = b"".join(pieces)
        else:
            length = int(request.header("content-length") or 0)
            request.body = self._exactly(length)
        return request.body

    def _line(self):
        line = self.reader.readline()
        if not line.endswith(b"\n"):
            raise Truncated
        return line

    def _exactly(self, length):
        data = self.reader.read(length)
        if len(data) != length:
            raise Truncated
        return data

    def raw(self, data):
        self.sock.sendall(data)

    def reply(self, status=200, body=b"ok", headers=(), reason="OK"):
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))

    def close(self, reset=False):
        self.is_closed = True
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def ends_of(sock):
    """Both addresses of a connection, for has_arrived()."""
    return sock.getsockname(), sock.getpeername()


def has_arrived(ends):
    """True when the proxy's kernel has bytes of this connection that nobody has read, or its end,
    or has no such connection any more. Writing to a loopback socket hands over to the kernel, which
    on a busy machine delivers when it comes to it."""
    ours, theirs = (f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
                    for host, port in ends)
    with open("/proc/net/tcp", encoding="ascii") as source:
        for line in source:
            fields = line.split()
            if fields[1:3] == [theirs, ours]:
                return fields[3] != "01" or not fields[4].endswith(":00000000")
    return True


def answer_ok(exchange):
    exchange.read_body()
    exchange.reply()


class Upstream:
    """Listens on a free port (or a unix socket); handlers are chosen by path."""

    def __init__(self, handler=answer_ok, unix=None, port=0, backlog=128, address="127.0.0.1"):
        if unix:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(unix)
            os.chmod(unix, 0o777)
            self.url = "unix:" + unix
        else:
            self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((address, port))
            self.url = "http://%s:%d" % self.listener.getsockname()
        self.listener.listen(backlog)
        self.handler = handler
        self.handlers = {}
        self.requests = []  # every head, in order of arrival
        self.finished = queue.Queue()  # requests whose handler is done
        self.problems = []
        self.connections = 0
        self._sockets = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def on(self, path):
        """Decorator: this function answers this path."""
        def register(function):
            self.handlers[path] = function
            return function
        return register

    def take(self):
        """The next request that was answered."""
        return self.finished.get(timeout=DEADLINE)

    def wait_connections(self, count):
        """Waits until so many are open at once."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._sockets) == count, DEADLINE)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self._changed:
                number = self.connections
                self.connections += 1
                self._sockets.add(sock)
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        reader = sock.makefile("rb", buffering=1 << 16)
        try:
            while True:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    line = reader.readline()
                    if not line:
                        return
                    head += line
                request = Request(head, number)
                with self._lock:
                    self.requests.append(request)
                exchange = Exchange(self, sock, reader, request)
                handler = self.handlers.get(request.path, self.handler)
                handler(exchange)
                self.finished.put(request)
                if exchange.is_closed:
                    return
        except (OSError, Truncated):
            return
        except Exception as problem:  # a handler's own failure must not pass unseen
            self.problems.append(problem)
        finally:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            reader.close()
            with self._changed:  # as _shut_down() does: never the number of another one's file
                sock.close()
                self._sockets.discard(sock)
                self._changed.notify_all()

    def drop(self):
        """Closes every open connection, and the proxy can know; new ones are still welcome."""
        dropped = self._shut_down()
        self.wait_connections(0)
        eventually(lambda: all(has_arrived(one) for one in dropped), "the end arrives")

    def _shut_down(self):
        """Ends all connections and returns their ends."""
        ended = []
        with self._lock:
            for sock in self._sockets:
                try:
                    if sock.family == socket.AF_INET:
                        ended.append(ends_of(sock))
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        return ended

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        # Before the file is closed: a thread that is about to accept from its number would do so
        # from whatever has that number next, which may be the listener of the next test.
        self._acceptor.join(DEADLINE)
        self.listener.close()
        self._shut_down()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            assert not self.problems, self.problems
