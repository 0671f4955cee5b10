"""Two levers rest on symbols of libcrypto that the program defines itself. Where libssl is bound to
others, that is noticed at start, and everything works without them.

SPDX-License-Identifier: MIT
"""

import os
import struct

import pytest

import proxy as proxy_module
import tlsclient
from proxy import Proxy, configuration, site


def section(image, wanted):
    """(offset, size) of a section of a 64-bit little-endian ELF file."""
    at, = struct.unpack_from("<Q", image, 0x28)
    size, count, names = struct.unpack_from("<HHH", image, 0x3a)
    headers = [struct.unpack_from("<IIQQQQ", image, at + i * size) for i in range(count)]
    strings = headers[names][4]
    for name, _, _, _, offset, length in headers:
        end = image.index(b"\0", strings + name)
        if image[strings + name:end] == wanted:
            return offset, length
    raise AssertionError(f"no section {wanted}")


@pytest.fixture
def bound_elsewhere(tmp_path, monkeypatch):
    """A copy of the program that defines these symbols under other names: libssl finds libcrypto's."""
    def make(*symbols):
        with open(proxy_module.BINARY, "rb") as source:
            image = bytearray(source.read())
        offset, size = section(image, b".dynstr")
        for symbol in symbols:
            at = image.index(b"\0" + symbol + b"\0", offset, offset + size)
            image[at + 1:at + 2] = b"_"
        copy = tmp_path / "mtls-proxy"
        copy.write_bytes(image)
        copy.chmod(0o755)
        tmp_path.chmod(0o755)
        monkeypatch.setattr(proxy_module, "BINARY", str(copy))
    return make


def needs_own_binary():
    with open(proxy_module.BINARY, "rb") as source:
        if source.read(6) != b"\x7fELF\x02\x01":
            pytest.skip("not a 64-bit little-endian ELF file")


@pytest.mark.parametrize("symbol, levers, event", [
    (b"X509_it", "intern_certificates without effect, handover in effect", "tls.intern"),
    (b"EVP_KDF_derive", "intern_certificates in effect, handover without effect", "tls.handover"),
])
@pytest.mark.lever("intern_certificates", "certificate_table", "handover")
def test_a_hook_that_is_not_called_switches_its_lever_off(bound_elsewhere, basics, symbol, levers,
                                                          event):
    needs_own_binary()
    bound_elsewhere(symbol)
    assert levers in proxy_module.run("version").stdout
    config = configuration(site(basics))
    config["log"]["error"]["level"] = "notice"
    with Proxy(config) as proxy:
        proxy.event(f"{event} effective=no")
        with tlsclient.connect(proxy, basics.alice) as client:
            for _ in range(5):
                assert client.request().status == 200
        assert tlsclient.fetch(proxy).status == 403


def test_without_both_everything_works(bound_elsewhere, basics):
    needs_own_binary()
    bound_elsewhere(b"X509_it", b"EVP_KDF_derive")
    assert "without effect, handover without" in proxy_module.run("version").stdout
    with Proxy(configuration(site(basics))) as proxy:
        for _ in range(3):
            with tlsclient.connect(proxy, basics.alice) as client:
                assert client.request("POST", "/", body=b"x" * 100000).status == 200


def test_libssl_of_this_machine_calls_both():
    """Wherever the suite runs: if not, the levers are off and what they gain is not had."""
    if os.environ.get("LD_PRELOAD"):
        pytest.skip("something is preloaded")
    done = proxy_module.run("version")
    assert "intern_certificates in effect, handover in effect" in done.stdout
