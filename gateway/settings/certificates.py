"""From when to when certificates are valid (RFC 5280, section 4.1.2.5), and what to say of those that are not today.

A certificate that has ended refuses no configuration: a restart at night must not take the other trunks along.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.core.plan import SYSTEM_AUTHORITIES, TlsFiles

_BLOCK: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END ", re.DOTALL)
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_EARLIEST_OF_THE_1900S: Final = b"50"
"""Of the two digits that UTCTime has for a year."""


@dataclass(frozen=True, slots=True)
class Validity:
    """When a certificate begins and ends."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class CertificateProblem:
    """A certificate that is not valid today: in which setting, what is wrong, and what to do about it."""

    place: str
    text: str
    advice: str


def certificate_problems(tls: TlsFiles, now: datetime) -> Iterator[CertificateProblem]:
    """What peers, or we, would refuse for its date. The authorities of the system are the system's to mind."""
    advice = "have it renewed and reload, or set our clock right: peers that look at it give up TLS with us"
    yield from _problems("sip.tls.certificate", tls.certificate, now, advice)
    if tls.ca_list != SYSTEM_AUTHORITIES:
        advice = "have it renewed and reload, or set our clock right: whom it vouches for is not called over TLS"
        yield from _problems("sip.tls.ca_list", tls.ca_list, now, advice)


def certificate_end(tls: TlsFiles) -> datetime | None:
    """When our own certificate ends, which is the first of its file; None where that cannot be read."""
    found = validities(tls.certificate)
    return found[0].end if found else None


def validities(path: str) -> list[Validity]:
    """Those of the certificates in a PEM file, in its order; none where they cannot be read."""
    try:
        blocks = _BLOCK.findall(Path(path).read_bytes())
        return [parse_validity(base64.b64decode(block)) for block in blocks]
    except (OSError, ValueError):
        return []


def parse_validity(certificate: bytes) -> Validity:
    """The validity of a certificate in DER: after version, serial number, algorithm and issuer of what is signed.

    Raises:
        ValueError: it is none.
    """
    signed = _content(_content(certificate))
    parts = [content for tag, content in _elements(signed) if tag != _VERSION]
    if len(parts) < 4:
        raise ValueError("this is no certificate")
    times = [_time(tag, text) for tag, text in _elements(parts[3])]
    if len(times) != 2:
        raise ValueError("a validity has two times")
    return Validity(*times)


def _problems(place: str, path: str, now: datetime, advice: str) -> Iterator[CertificateProblem]:
    found = validities(path)
    for number, validity in enumerate(found, start=1):
        which = path if len(found) == 1 else f"certificate {number} of {len(found)} in {path}"
        if now > validity.end:
            yield CertificateProblem(place, f"{which} expired on {_shown(validity.end)}", advice)
        elif now < validity.start:
            yield CertificateProblem(place, f"{which} is not valid before {_shown(validity.start)}", advice)


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each (X.690, section 8.1)."""
    while octets:
        tag, size, start = octets[0], int.from_bytes(octets[1:2]), 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(octets[2:start])
        yield tag, octets[start : start + size]
        octets = octets[start + size :]


def _content(octets: bytes) -> bytes:
    return next((content for _, content in _elements(octets)), b"")


def _time(tag: int, text: bytes) -> datetime:
    century = (b"19" if text >= _EARLIEST_OF_THE_1900S else b"20") if tag == _UTC_TIME else b""
    return datetime.strptime((century + text).decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
