# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificate authority of an instance, and the keys which its parts trust."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .files import write_private


@dataclass(frozen=True)
class KeyPair:
    certificate: Path
    key: Path


class Authority:
    """Issues every certificate of an instance, so that nothing in it needs an insecure flag."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        self._directory = directory
        self._authority = trustme.CA(organization_name="pullpass lab")
        self.certificate = write_private(directory / "ca.pem", self._authority.cert_pem.bytes())

    def server(self, name: str, *hosts: str) -> KeyPair:
        return self._write(name, self._authority.issue_cert("127.0.0.1", "localhost", *hosts))

    def client(self, name: str, group: str) -> KeyPair:
        """A certificate that Kubernetes reads as user `name` of `group`."""
        issued = self._authority.issue_cert(f"{name}.lab", common_name=name, organization_name=group)
        return self._write(name, issued)

    def trusting(self, own: KeyPair | None = None) -> ssl.SSLContext:
        """A TLS context that trusts this authority alone, and shows the certificate `own` if asked."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if own:
            context.load_cert_chain(own.certificate, own.key)
        return context

    def signing_key(self, name: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        return write_private(self._directory / f"{name}.key", pem)

    def _write(self, name: str, issued: trustme.LeafCert) -> KeyPair:
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return KeyPair(
            write_private(self._directory / f"{name}.pem", chain),
            write_private(self._directory / f"{name}.key", issued.private_key_pem.bytes()),
        )
