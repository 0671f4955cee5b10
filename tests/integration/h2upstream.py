"""A backend that speaks HTTP/2 and does as it is told; handlers are chosen by path, one thread each.

SPDX-License-Identifier: MIT
"""

import os
import queue
import select
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

import tlsclient
import upstream as upstream_module
from events import DEADLINE
from h2client import Client
from proxy import Proxy, configuration, site


class Gone(Exception):
    """The stream or its connection is over; the proxy may do that."""


class Stream:
    """One request being answered; a handler gets it as soon as the head is there."""

    def __init__(self, connection, number, headers):
        self.connection = connection
        self.id = number
        self.headers = headers
        self.body = b""
        self.trailers = []
        self.has_ended = False
        self.reset = None  # the code of the proxy's RST_STREAM

    def header(self, wanted):
        return ", ".join(value for name, value in self.headers if name == wanted) or None

    @property
    def path(self):
        return self.header(":path").split("?")[0]

    def wait(self, wanted):
        """Until wanted() holds; Gone when it never will."""
        connection = self.connection
        with connection.changed:
            assert connection.changed.wait_for(
                lambda: wanted() or self.reset is not None or connection.is_closed, DEADLINE)
            if not wanted():
                raise Gone

    def read_body(self):
        self.wait(lambda: self.has_ended)
        return self.body

    def _act(self, action):
        with self.connection.changed:
            if self.reset is not None or self.connection.is_closed:
                raise Gone
            try:
                action()
            except h2.exceptions.ProtocolError as problem:
                raise Gone from problem
            self.connection.flush()

    def respond(self, status=200, headers=(), end=False):
        self._act(lambda: self.connection.h2.send_headers(
            self.id, [(":status", str(status)), *headers], end_stream=end))

    def send(self, data, end=False):
        """All of it, as the windows allow."""
        view = memoryview(data)
        while True:
            self.wait(lambda: len(view) == 0 or self._window() > 0)
            size = min(len(view), self._window())
            is_last = end and size == len(view)
            if size > 0 or is_last:
                piece = bytes(view[:size])
                self._act(lambda piece=piece, is_last=is_last: self.connection.h2.send_data(
                    self.id, piece, end_stream=is_last))
            view = view[size:]
            if len(view) == 0:
                return

    def _window(self):
        connection = self.connection.h2
        try:
            return min(connection.local_flow_control_window(self.id),
                       connection.max_outbound_frame_size)
        except h2.exceptions.ProtocolError:
            return 0

    def reply(self, status=200, body=b"ok", headers=(), trailers=None):
        self.respond(status, headers)
        self.send(body, end=trailers is None)
        if trailers is not None:
            self.end(trailers)

    def end(self, trailers):
        self._act(lambda: self.connection.h2.send_headers(self.id, list(trailers), end_stream=True))

    def abort(self, code=h2.errors.ErrorCodes.INTERNAL_ERROR):
        self._act(lambda: self.connection.h2.reset_stream(self.id, code))


class Connection:
    def __init__(self, upstream, sock, number):
        self.upstream = upstream
        self.sock = sock
        self.number = number
        self.streams = {}
        self.is_closed = False
        self.is_deaf = False  # answers nothing, not even PING
        self.is_resetting = False
        self.goaway = None
        self.pings = 0
        self.by_hand = b""
        self.waker, self.woken = socket.socketpair()
        self.changed = threading.Condition(threading.RLock())
        # What the tests send wrongly on purpose must not be refused here.
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values=upstream.settings)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        """The connection's own thread sends: an SSL object of Python's bears no two at once."""
        try:
            self.waker.send(b"x")
        except OSError:
            pass

    def raw(self, data):
        with self.changed:
            self.by_hand += self.h2.data_to_send() + data
            self.flush()

    def say_goodbye(self, last=None, code=0):
        with self.changed:
            self.raw(b"\0\0\10\7\0\0\0\0\0" + (last if last is not None else
                                               max(self.streams, default=0)).to_bytes(4, "big") +
                     int(code).to_bytes(4, "big"))

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close_with_reset(self):
        """Once what waits has been sent, which a reset would otherwise overtake."""
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.changed:
            self.is_resetting = True
            self.flush()

    def serve(self):
        try:
            while True:
                with self.changed:
                    data = self.by_hand + self.h2.data_to_send()
                    self.by_hand = b""
                    is_last = self.is_resetting
                if data and not self.is_deaf:
                    self.sock.sendall(data)
                if is_last:
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    return
                self._wait()
                if not self._read():
                    return
        except (OSError, h2.exceptions.ProtocolError):
            return
        finally:
            with self.changed:
                self.is_closed = True
                self.changed.notify_all()
            self.waker.close()
            self.woken.close()

    def _wait(self):
        self.readable = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
        if self.readable:
            return
        ready, _, _ = select.select([self.sock, self.woken], [], [])
        if self.woken in ready:
            self.woken.recv(4096)
        self.readable = self.sock in ready

    def _read(self):
        if not self.readable:
            return True
        data = self.sock.recv(65536)
        with self.changed:
            if not self.is_deaf and data:
                for event in self.h2.receive_data(data):
                    self._take(event)
            self.changed.notify_all()
        return bool(data)

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RequestReceived):
            stream = Stream(self, event.stream_id, event.headers)
            self.streams[event.stream_id] = stream
            self.upstream.begin(stream)
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            stream.has_ended = True
        elif isinstance(event, h2.events.StreamReset):
            if stream is not None:
                stream.reset = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        elif isinstance(event, h2.events.PingReceived):
            self.pings += 1


def answer_ok(stream):
    stream.read_body()
    stream.reply()


class Upstream(upstream_module.Upstream):
    """HTTP/2 without TLS, by prior knowledge; with a certificate over TLS, where clients that do not
    offer h2 get the recording HTTP/1.1 backend on the same port."""

    def __init__(self, certificate=None, protocols=("h2", "http/1.1"), streams=100, port=0):
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, os.path.splitext(certificate)[0] + ".key")
            self.context.set_alpn_protocols(list(protocols))
        self.settings = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: streams}
        self.h2_handlers = {}
        self.h2_connections = []
        self.seen = queue.Queue()  # streams whose handler is done
        super().__init__(port=port)
        if certificate:
            self.url = self.url.replace("http:", "https:")

    def h2_on(self, path):
        """Decorator: this function answers this path over HTTP/2."""
        def register(function):
            self.h2_handlers[path] = function
            return function
        return register

    def taken(self):
        """The next stream that was answered."""
        return self.seen.get(timeout=DEADLINE)

    def begin(self, stream):
        threading.Thread(target=self._handle, args=(stream,), daemon=True).start()

    def _handle(self, stream):
        try:
            self.h2_handlers.get(stream.path, answer_ok)(stream)
        except (Gone, OSError):
            pass
        except Exception as problem:  # a handler's own failure must not pass unseen
            self.problems.append(problem)
        self.seen.put(stream)

    def _serve(self, sock, number):
        wrapped = sock
        try:
            if self.context:
                wrapped = self.context.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError):
            with self._changed:
                self._sockets.discard(sock)
            sock.close()
            return
        if wrapped is not sock:
            with self._changed:
                self._sockets.discard(sock)
                self._sockets.add(wrapped)
        if self.context and wrapped.selected_alpn_protocol() != "h2":
            super()._serve(wrapped, number)
            return
        connection = Connection(self, wrapped, number)
        self.h2_connections.append(connection)
        try:
            connection.serve()
        finally:
            with self._changed:
                wrapped.close()
                self._sockets.discard(wrapped)
                self._changed.notify_all()


def upstream_of(basics, server, protocol, **more):
    servers = server if isinstance(server, list) else [server.url]
    made = {"servers": [one if isinstance(one, dict) else {"url": one} for one in servers],
            "protocol": protocol,
            "tls": {"ca": basics.path("root.pem"), "server_name": "server.test"}}
    made.update(more)
    return made


class Both:
    """A proxy with one such upstream, and its server."""

    def __init__(self, basics, protocol="http2", tls=False, server=None, top=None, **more):
        self.basics = basics
        how = dict(server or {})
        if tls:
            how["certificate"] = basics.path("server.pem")
        self.server = Upstream(**how)
        made = configuration(site(basics, upstream="group"),
                             upstreams={"group": upstream_of(basics, self.server, protocol, **more)},
                             **(top or {}))
        made["log"]["error"]["level"] = "debug"
        self.proxy = Proxy(made)

    def client(self):
        return Client(self.proxy, self.basics.alice)

    def http1(self):
        return tlsclient.connect(self.proxy, self.basics.alice)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.proxy.__exit__(*what)
        self.server.__exit__(*what)
