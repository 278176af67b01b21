"""HTTPS for simulators: a certificate authority made on the spot, and a server certificate it signed."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from simulators.clock import Clock

_LIFETIME = timedelta(days=30)
HOSTS = (
    "localhost",
    "sim.my.salesforce.com",
    "login.salesforce.com",
    "test.salesforce.com",
    "api.hubapi.com",
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files: what clients are to trust, and what a server shows."""

    authority: Path
    certificate: Path
    key: Path

    @property
    def pair(self) -> tuple[str, str]:
        """Certificate and key, as `simulators.server.Listener` takes them."""
        return str(self.certificate), str(self.key)


def make_certificates(folder: Path, hosts: tuple[str, ...] = HOSTS) -> Certificates:
    """Write an authority and a certificate for `hosts` and 127.0.0.1 into a folder."""
    now = datetime.fromtimestamp(Clock().now(), UTC)
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    issuer = _name("Simulated CRM authority")
    authority = (
        _builder(issuer, issuer, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names = [*map(x509.DNSName, hosts), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(_name(hosts[0]), issuer, server_key, now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(signed_by, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _written(folder, authority, certificate, server_key)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _written(
    folder: Path, authority: x509.Certificate, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> Certificates:
    paths = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    pem = serialization.Encoding.PEM
    paths.authority.write_bytes(authority.public_bytes(pem))
    paths.certificate.write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    paths.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    paths.key.chmod(0o600)
    return paths
