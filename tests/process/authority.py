"""Certificates of the tests' own: an authority, what it signs, and what goes wrong with certificates in real life."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme

END = "-----END CERTIFICATE-----\n"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two PEM files: a certificate with its chain, and its key."""

    certificate: Path
    private_key: Path

    def settings(self, authorities: Path) -> dict[str, str]:
        """`sip.tls` of a gateway that shows this certificate and trusts these authorities."""
        return {
            "certificate": str(self.certificate),
            "private_key": str(self.private_key),
            "ca_list": str(authorities),
        }

    def alone(self) -> Certificate:
        """The same without the rest of its chain, as it is often installed."""
        first, end, _ = self.certificate.read_text().partition(END)
        bare = self.certificate.with_suffix(".alone")
        bare.write_text(first + end)
        return Certificate(bare, self.private_key)


class Authority:
    """One authority and its folder."""

    def __init__(self, folder: Path, authority: trustme.CA | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = authority or trustme.CA()
        self.file = folder / "authority.pem"
        """What a peer that believes it has in its `ca_list`."""
        self._authority.cert_pem.write_to_path(self.file)

    def certify(self, *names: str, days: int = 365) -> Certificate:
        """A certificate for hosts or addresses; with negative days it ended so long ago."""
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        start = end - datetime.timedelta(days=400)
        leaf = self._authority.issue_cert(*names, not_before=start, not_after=end)
        stem = f"{names[0].replace('*', 'any')}-{days}"
        files = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        leaf.private_key_pem.write_to_path(files.private_key)
        files.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        return files

    def intermediate(self) -> Authority:
        """Another that this one vouches for, as public authorities have: its own is in the chain of what it signs."""
        return Authority(self._folder / "intermediate", self._authority.create_child_ca())
