"""Throwaway PKIs, made in this process: authorities, certificates good and weird, CRLs.

SPDX-License-Identifier: MIT
"""

import base64
import datetime
import hashlib
import os
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
ANY_USAGE = ObjectIdentifier("2.5.29.37.0")
DAY = datetime.timedelta(days=1)
NAMES = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "E": NameOID.EMAIL_ADDRESS,
    "T": NameOID.TITLE,
    "GN": NameOID.GIVEN_NAME,
    "SN": NameOID.SURNAME,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "DC": NameOID.DOMAIN_COMPONENT,
}


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def name(text):
    """A name from "CN=alice, OU=Staff" in encoded order; a plain word is a common name."""
    if "=" not in text:
        text = "CN=" + text
    parts = [part.strip().split("=", 1) for part in text.split(",")]
    return x509.Name([x509.NameAttribute(NAMES[key], value) for key, value in parts])


def new_key(kind="ec"):
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    bits = int(kind[3:])  # "rsa2048"
    if bits < 1024:  # which newer versions of cryptography load, but no longer make
        made = subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True)
        return serialization.load_pem_private_key(made.stdout, None)
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Certificate:
    def __init__(self, certificate, key, issuer=None):
        self.certificate = certificate
        self.key = key
        self.issuer = issuer

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def base64(self):
        return base64.b64encode(self.der).decode()

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()

    @property
    def serial(self):
        return self.certificate.serial_number

    def above(self):
        """The issuers on the way up, the root left out."""
        chain, at = [], self.issuer
        while at is not None and at.issuer is not None:
            chain.append(at)
            at = at.issuer
        return chain

    def tampered(self):
        """The same certificate with a signature that does not verify."""
        der = bytearray(self.der)
        der[-1] ^= 0x01
        return Certificate(x509.load_der_x509_certificate(bytes(der)), self.key, self.issuer)

    def write(self, path, *more):
        """Writes this certificate and more as PEM, and the key beside it; returns the path."""
        with open(path, "w", encoding="ascii") as out:
            out.write("".join(one.pem for one in (self, *more)))
        key_path = os.path.splitext(path)[0] + ".key"
        with open(os.open(key_path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
                  encoding="ascii") as out:
            out.write(self.key_pem)
        return path


class Authority(Certificate):
    def issue(self, subject, **options):
        return issue(subject, self, **options)

    def sub(self, subject, **options):
        return authority(subject, self, **options)

    def tampered(self):
        other = super().tampered()
        return Authority(other.certificate, other.key, other.issuer)

    def crl(self, revoked=(), since=-1, until=30, reasons=None, signer=None, number=1, base=None):
        """A PEM CRL; revoked are certificates, since and until count days from now. base: the
        number of the complete CRL that this delta builds on."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now() + since * DAY)
            .next_update(now() + until * DAY)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        if base is not None:
            builder = builder.add_extension(x509.DeltaCRLIndicator(base), critical=True)
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.serial)
            entry = entry.revocation_date(now() + since * DAY)
            if reasons:
                entry = entry.add_extension(x509.CRLReason(reasons), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        crl = builder.sign((signer or self).key, hashes.SHA256())
        return crl.public_bytes(serialization.Encoding.PEM).decode()

    def huge_crl(self, count, revoked=()):
        """A DER CRL with that many entries beside the revoked ones, put together by hand because
        the library needs minutes. The key must be an EC key."""
        empty = x509.load_pem_x509_crl(self.crl().encode())
        date = b"\x17\x0d250101000000Z"
        entries = [_der(0x30, _der(0x02, number.to_bytes(17, "big")) + date)
                   for number in [one.serial for one in revoked]]
        # 17 octets, the first of them 1, spread by an odd multiplier: none is given twice.
        entries += [b"\x30\x22\x02\x11\x01" + (i * 0x9e3779b97f4a7c15f39cc0605cedc835 & MASK)
                    .to_bytes(16, "big") + date for i in range(count)]
        algorithm = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256
        times = b"".join(b"\x17\x0d" + when.strftime("%y%m%d%H%M%SZ").encode()
                         for when in (now() - DAY, now() + 30 * DAY))
        signed = _der(0x30, b"\x02\x01\x01" + algorithm + empty.issuer.public_bytes() + times +
                      _der(0x30, b"".join(entries)))
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return _der(0x30, signed + algorithm + _der(0x03, b"\0" + signature))


MASK = (1 << 128) - 1


def _der(tag, content):
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _usage(**bits):
    every = ("digital_signature content_commitment key_encipherment data_encipherment "
             "key_agreement key_cert_sign crl_sign encipher_only decipher_only").split()
    return x509.KeyUsage(**{bit: bits.get(bit, False) for bit in every})


def _build(subject, key, issuer, since, until, serial):
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.certificate.subject if issuer else name(subject))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now() + since * DAY)
        .not_valid_after(now() + until * DAY)
    )


def _sign(builder, key, issuer):
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def authority(subject, issuer=None, *, since=-1, until=3650, is_ca=True, path_length=None,
              cert_sign=True, crl_sign=True, usage=None, permitted=None, kind="ec", key=None,
              serial=None, cdp=None, policies=(), critical_unknown=False):
    """A CA: self-signed, or below issuer. since and until count days from now."""
    key = key or new_key(kind)
    builder = _build(subject, key, issuer, since, until, serial)
    builder = builder.add_extension(
        x509.BasicConstraints(is_ca, path_length if is_ca else None), critical=True)
    builder = builder.add_extension(
        _usage(key_cert_sign=cert_sign, crl_sign=crl_sign, digital_signature=not cert_sign),
        critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if permitted:
        builder = builder.add_extension(
            x509.NameConstraints([x509.DNSName(permitted) if isinstance(permitted, str)
                                  else permitted], None), critical=True)
    if policies:
        builder = builder.add_extension(x509.CertificatePolicies(
            [x509.PolicyInformation(ObjectIdentifier(one), None) for one in policies]),
            critical=False)
    return _finish(builder, key, issuer, cdp, critical_unknown)


def _finish(builder, key, issuer, cdp, critical_unknown):
    if cdp:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(cdp)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if critical_unknown:
        unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    return Authority(_sign(builder, key, issuer), key, issuer)


def issue(subject, issuer=None, *, since=-1, until=365, usage=(CLIENT_AUTH,), dns=(), ips=(),
          emails=(), cdp=None, critical_unknown=False, key_id=False, kind="ec", key=None,
          serial=None, upn=None):
    """An end entity's certificate; without an issuer it is self-signed."""
    key = key or new_key(kind)
    builder = _build(subject, key, issuer, since, until, serial)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(
        _usage(digital_signature=True, key_encipherment=kind.startswith("rsa")), critical=True)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
    names = [x509.DNSName(one) for one in dns]
    names += [x509.IPAddress(one) for one in ips]
    names += [x509.RFC822Name(one) for one in emails]
    if upn is not None:
        names.append(x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"),
                                    _der(0x0c, upn.encode())))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if cdp:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(cdp)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if key_id:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
            issuer.key.public_key()), critical=False)
    if critical_unknown:
        unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    return Certificate(_sign(builder, key, issuer), key, issuer)


class Basics:
    """What nearly every test needs: a root, an issuing CA, a server, a client, an outsider."""

    def __init__(self, folder):
        self.folder = folder
        self.root = authority("CN=Test Root, O=Example")
        self.issuing = self.root.sub("CN=Test Issuing CA, O=Example")
        self.server = self.root.issue("server.test", usage=(SERVER_AUTH,),
                                      dns=("server.test", "localhost"))
        self.alice = self.issuing.issue("CN=alice, OU=Staff, O=Example")
        self.outside_root = authority("CN=Outside Root, O=Elsewhere")
        self.outside_issuing = self.outside_root.sub("CN=Outside Issuing CA, O=Elsewhere")
        self.outsider = self.outside_issuing.issue("CN=mallory, O=Elsewhere")
        self.write("root.pem", self.root)
        self.write("issuing.pem", self.issuing)
        self.write("outside-root.pem", self.outside_root)
        self.write("outside-issuing.pem", self.outside_issuing)
        self.write("server.pem", self.server)

    def path(self, file_name):
        return os.path.join(self.folder, file_name)

    def write(self, file_name, *certificates):
        return certificates[0].write(self.path(file_name), *certificates[1:])

    def text(self, file_name, content):
        with open(self.path(file_name), "w", encoding="utf-8") as out:
            out.write(content)
        return self.path(file_name)
