"""Sends cases through a proxy to a backend that records every byte, and judges.

SPDX-License-Identifier: MIT
"""

import os
import re
import select
import socket
import ssl
import threading
import time

from hostile.case import SPOOFED
from hostile.identity import GENUINE
from hostile.reader import Flaw, More, read_request

# Many times the longest timeout of the configuration under test: room for a busy machine.
PATIENCE = float(os.environ.get("MTLS_PROXY_TEST_DEADLINE", "60"))


class Backend:
    """Answers every request with its number, method and target; keeps messages and flaws."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.messages = []
        self.flaws = []
        self.received = b""  # since the last take()
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        data = b""
        with sock:
            try:
                while got := sock.recv(65536):
                    with self._lock:
                        self.received += got
                    data = self._answer(sock, data + got)
            except Flaw as flaw:
                with self._lock:
                    self.flaws.append(str(flaw))
            except OSError:
                pass

    def _answer(self, sock, data):
        while data:
            try:
                message, end = read_request(data)
            except More:
                break
            data = data[end:]
            with self._lock:
                self.messages.append(message)
            text = message.method[:40] + b" " + message.target[:100]
            sock.sendall(b"HTTP/1.1 200 OK\r\nX-Answer: %s\r\nContent-Length: %d\r\n\r\n" %
                         (text, len(text)) + (b"" if message.method == b"HEAD" else text))
        return data

    def take(self):
        """(messages, flaws, bytes) since the last time."""
        with self._lock:
            taken = self.messages, self.flaws, self.received
            self.messages, self.flaws, self.received = [], [], b""
        return taken

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(PATIENCE)
        self.listener.close()


class Answer:
    def __init__(self, status, fields, body):
        self.status = status
        self.text = fields.get(b"x-answer")  # by the backend
        self.body = body


def read_answers(data):
    """The final answers in what a client received; a cut one at the end counts, too."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status_line = re.match(rb"HTTP/1\.[01] ([1-5][0-9]{2}) ", lines[0])
        if not status_line:
            return answers + [Answer(0, {}, head)]  # HTTP/0.9, or a stray body
        status = int(status_line.group(1))
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(b":") for line in lines[1:])}
        if 100 <= status < 200 and status != 101:
            continue
        size = int(fields.get(b"content-length", 0))
        text = fields.get(b"x-answer", b"")
        if text.startswith(b"HEAD "):
            size = 0
        answers.append(Answer(status, fields, data[:size]))
        data = data[size:]
    return answers


def converse(sock, raw):
    """Sends all and reads to the end; (bytes, whether the peer closed in time). One thread does
    both, as an SSLSocket wants it."""
    data = b""
    end = time.monotonic() + PATIENCE
    sock.setblocking(False)
    while time.monotonic() < end:
        try:
            while got := sock.recv(65536):
                data += got
            return data, True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except OSError:
            return data, True  # a reset is an end, too: nobody reads what follows a bad request
        try:
            raw = raw[sock.send(raw):] if raw else raw
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except OSError:
            raw = b""
        select.select([sock], [sock] if raw else [], [], 1)
    return data, False


def tail(number):
    """The last request of every connection: seen only if the framing before it is clear."""
    return (b"GET /tail/%d HTTP/1.1\r\nHost: server.test\r\nConnection: close\r\n\r\n" % number)


def check_always(case, answers, messages, flaws, received, genuine):
    """What must hold for every case; yields what does not."""
    yield from (f"the backend got {flaw}" for flaw in flaws)
    if SPOOFED in received:
        yield "a spoofed value reached the backend"
    answered = [one.text for one in answers if one.text is not None]
    wanted = [one.method[:40] + b" " + one.target[:100] for one in messages]
    if answered != wanted:
        yield f"the backend answered {wanted}, the client got {answered}"
    for one in answers:
        if one.text is None and one.status < 400:
            yield f"{one.status} by the proxy itself"
    for message in messages:
        folded = message.folded()
        for name in genuine:
            if folded.count(name) != 1:
                yield f"{name} is there {folded.count(name)} times for {message.target!r}"
        if message.target.startswith(b"/smuggled") and case.count < 2 and case.expect != "either":
            yield "a smuggled request"


def check_expected(case, number, answers, messages):
    ours = [one for one in messages if (one.method, one.target) != (b"GET", b"/tail/%d" % number)]
    errors = [one.status for one in answers if one.text is None]
    has_tail = len(ours) != len(messages)
    if case.expect in ("refused", "declined") and (len(ours) != case.count or not errors):
        yield f"{len(ours)} requests forwarded, errors {errors}"
    if case.expect == "refused" and has_tail:
        yield "the connection went on"
    if case.expect == "forwarded":
        if len(ours) != case.count or errors:
            yield f"{len(ours)} requests forwarded instead of {case.count}, errors {errors}"
        if has_tail == case.closes:
            yield "kept although it had to close" if has_tail else "closed too early"


def run_case(case, number, connect, backend, genuine=GENUINE):
    """A list of what is wrong. connect() makes the socket of a new client."""
    backend.take()
    with connect() as sock:
        data, is_closed = converse(sock, case.raw + tail(number))
    wrong = [] if is_closed else ["no end of the connection: hangs"]
    answers = read_answers(data)
    messages, flaws, received = backend.take()
    wrong += check_always(case, answers, messages, flaws, received, genuine)
    wrong += check_expected(case, number, answers, messages)
    # The next client gets its own answer, whatever was left on the connection to the backend.
    own = b"GET /next/%d" % number
    with connect() as sock:
        data, _ = converse(sock,
                           own + b" HTTP/1.1\r\nHost: server.test\r\nConnection: close\r\n\r\n")
    if [one.body for one in read_answers(data)] != [own]:
        wrong.append(f"the next client got {data[:100]!r}")
    messages, flaws, _ = backend.take()
    if [one.target for one in messages] != [own[4:]] or flaws:
        wrong.append(f"behind the case came {[one.target for one in messages]} {flaws}")
    return wrong
