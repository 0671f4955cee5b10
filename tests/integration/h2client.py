"""A client of HTTP/2: one connection, any number of streams; well-formed requests by python3-h2,
others frame by frame.

SPDX-License-Identifier: MIT
"""

import ssl
import struct

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import hpack

import tlsclient
from events import DEADLINE

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PROTOCOL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 1, 8, 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def connect_tls(proxy, identity=None, protocols=("h2",), index=0, sni="server.test", version=None):
    context = tlsclient.context(identity, version=version)
    context.set_alpn_protocols(list(protocols))
    sock = context.wrap_socket(tlsclient.tcp(proxy, index=index), server_hostname=sni)
    sock.settimeout(DEADLINE)
    return sock


def head(target="/", method="GET", host="server.test", fields=()):
    return [(":method", method), (":scheme", "https"), (":authority", host), (":path", target),
            *fields]


class Answer:
    def __init__(self):
        self.headers = []
        self.body = b""
        self.trailers = []
        self.interim = []
        self.is_over = False
        self.reset = None  # the code of RST_STREAM

    @property
    def status(self):
        return int(self.header(":status")) if self.headers else None

    def header(self, wanted):
        return next((value for name, value in self.headers if name == wanted), None)

    def seen(self, wanted):
        """A header as the echo saw it."""
        for line in self.body.decode().split("\n"):
            name, _, value = line.partition(": ")
            if name.lower() == wanted.lower():
                return value
        return None


class Client:
    def __init__(self, proxy, identity=None, **how):
        self.sock = connect_tls(proxy, identity, **how)
        assert self.sock.selected_alpn_protocol() == "h2"
        # What the tests send wrongly on purpose must not be refused here.
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.answers = {}
        self.goaway = None
        self.is_closed = False
        self.flush()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def ask(self, target="/", method="GET", body=None, host="server.test", fields=(), end=True):
        """Begins a request; returns its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.h2.send_headers(stream, head(target, method, host, fields),
                             end_stream=body is None and end)
        self.flush()
        if body is not None:
            self.send(stream, body, end)
        return stream

    def window(self, stream):
        """Bytes that may be sent now; None once the stream is closed."""
        try:
            return min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
        except h2.exceptions.StreamClosedError:
            return None

    def send(self, stream, body, end=False):
        """As fast as the windows allow; stops when the stream is closed."""
        view = memoryview(body)
        while True:
            window = self.window(stream)
            if window is None:
                return
            if window == 0 and len(view) > 0:
                self.read()
                continue
            size = min(len(view), window)
            is_last = end and size == len(view)
            if size > 0 or is_last:
                self.h2.send_data(stream, bytes(view[:size]), end_stream=is_last)
                self.flush()
            view = view[size:]
            if len(view) == 0:
                return

    def read(self):
        """Takes what has come; blocks until something has."""
        data = self.sock.recv(65536)
        if not data:
            self.is_closed = True
            raise tlsclient.Closed
        for event in self.h2.receive_data(data):
            self.take(event)
        self.flush()

    def take(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = event.headers
        elif isinstance(event, h2.events.InformationalResponseReceived):
            answer.interim.append(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if event.flow_controlled_length:
                self.consume(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            answer.is_over = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code
            answer.is_over = True
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event

    def consume(self, size, stream):
        self.h2.acknowledge_received_data(size, stream)

    def wait(self, *streams):
        """Until these are over; returns the last one's answer."""
        while not all(self.answers[one].is_over for one in streams):
            self.read()
        return self.answers[streams[-1]]

    def wait_for(self, condition):
        while not condition():
            self.read()

    def fetch(self, target="/", **how):
        return self.wait(self.ask(target, **how))

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Frames:
    """The same connection by hand: what is sent is what the test says."""

    def __init__(self, proxy, identity=None, **how):
        self.sock = connect_tls(proxy, identity, **how)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.buffer = b""
        self.seen = []  # (kind, flags, stream, payload)
        self.heads = {}  # the fields of the last head, by stream
        self.sock.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def answer(self, one):
        try:
            self.sock.sendall(one)
        except (ConnectionError, ssl.SSLError):
            pass  # what came before is still worth reading

    def headers(self, stream, fields, flags=END_HEADERS | END_STREAM):
        block = self.encoder.encode([hpack.NeverIndexedHeaderTuple(*pair) for pair in fields],
                                    huffman=False)
        return frame(HEADERS, flags, stream, block)

    def next(self):
        """The next frame; None at the end of the connection."""
        while True:
            if len(self.buffer) >= 9:
                size = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + size:
                    kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
                    payload = self.buffer[9:9 + size]
                    self.buffer = self.buffer[9 + size:]
                    self.seen.append((kind, flags, stream, payload))
                    if kind == HEADERS:  # all of them, for the table of HPACK
                        self.heads[stream] = dict(self.decoder.decode(payload))
                    if kind == SETTINGS and not flags & ACK:
                        self.answer(frame(SETTINGS, ACK, 0))
                    elif kind == PING and not flags & ACK:
                        self.answer(frame(PING, ACK, 0, payload))
                    return self.seen[-1]
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                return None
            if not data:
                return None
            self.buffer += data

    def until(self, kind, stream=None):
        """The next frame of that kind (of that stream); None when the connection ended first."""
        while True:
            got = self.next()
            if got is None or (got[0] == kind and stream in (None, got[2])):
                return got

    def status(self, stream):
        """The status that the stream was answered with, or the name of its end."""
        while True:
            got = self.next()
            if got is None:
                return "closed"
            if got[0] == GOAWAY:
                return "goaway"
            if got[2] != stream:
                continue
            if got[0] == RST_STREAM:
                return "reset"
            if got[0] == HEADERS:
                return int(self.heads[stream][":status"])

    def goaway(self):
        """The code of GOAWAY; None when the connection ended without."""
        got = self.until(GOAWAY)
        return None if got is None else struct.unpack(">I", got[3][4:8])[0]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
