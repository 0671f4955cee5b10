"""A TLS 1.3 client that writes any record it is told to: OpenSSL shakes hands, then the traffic
secrets of its key log are used here (RFC 8446 sections 5 and 7).

SPDX-License-Identifier: MIT
"""

import contextlib
import os
import ssl
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.exceptions import InvalidTag

import tlsclient

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
SUITE = "TLS_AES_128_GCM_SHA256"


def expand(secret, label, length):
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return HKDFExpand(SHA256(), length, info).derive(secret)


class Keys:
    """One direction."""

    def __init__(self, secret):
        self.secret = secret
        self.sequence = 0
        self.cipher = AESGCM(expand(secret, b"key", 16))
        self.iv = expand(secret, b"iv", 12)

    def update(self):
        self.__init__(expand(self.secret, b"traffic upd", 32))

    def nonce(self):
        return (int.from_bytes(self.iv, "big") ^ self.sequence).to_bytes(12, "big")

    def seal(self, kind, content, padding=0, version=b"\x03\x03"):
        inner = content + (bytes([kind]) if kind is not None else b"") + bytes(padding)
        header = bytes([DATA]) + version + (len(inner) + 16).to_bytes(2, "big")
        sealed = header + self.cipher.encrypt(self.nonce(), inner, header)
        self.sequence += 1
        return sealed

    def open(self, record):
        """(type, content)"""
        inner = self.cipher.decrypt(self.nonce(), record[5:], record[:5]).rstrip(b"\0")
        self.sequence += 1
        return inner[-1], inner[:-1]


class Records:
    """A connection after its handshake; send() any bytes, receive() what came of it."""

    def __init__(self, proxy, context):
        descriptor, self._log = tempfile.mkstemp()
        os.close(descriptor)
        context.keylog_filename = self._log
        self.sock = tlsclient.tcp(proxy)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="server.test")
        self._received = b""
        self._shake_hands()
        secrets = {}
        with open(self._log, encoding="ascii") as lines:
            for line in lines:
                if not line.startswith("#"):
                    label, _, secret = line.split()
                    secrets[label] = bytes.fromhex(secret)
        self.out = Keys(secrets["CLIENT_TRAFFIC_SECRET_0"])
        self.into = Keys(secrets["SERVER_TRAFFIC_SECRET_0"])

    def _shake_hands(self):
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.sock.sendall(self._outgoing.read())
                data = self.sock.recv(65536)
                assert data, "closed in the handshake"
                self._incoming.write(data)
        self.sock.sendall(self._outgoing.read())
        self._received = self._incoming.read()

    def send(self, data):
        """False when the other side is gone."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def records(self):
        """What the server sends, opened: (type, content), and at last ("end", why)."""
        while True:
            if len(self._received) >= 5:
                size = 5 + int.from_bytes(self._received[3:5], "big")
                if len(self._received) >= size:
                    record, self._received = self._received[:size], self._received[size:]
                    try:
                        kind, content = self.into.open(record)
                    except InvalidTag:
                        continue  # of the handshake
                    if kind == HANDSHAKE and content[:1] == b"\x18":
                        self.into.update()
                    yield kind, content
                    continue
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                yield "end", "reset"
                return
            if not more:
                yield "end", "closed"
                return
            self._received += more

    def close(self):
        self.sock.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
