"""Certificates that are not valid today: what is read of them, and what is said."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.plan import SYSTEM_AUTHORITIES, TlsFiles
from gateway.settings import build_report
from gateway.settings.certificates import (
    Validity,
    certificate_end,
    certificate_problems,
    parse_validity,
    validities,
)
from tests.process.authority import Authority, Certificate
from tests.settings.samples import SOUND, TLS, Loader

LONG_AGO, BEFORE, NOW, LATER = (datetime(year, 5, 4, 10, 22, 58, tzinfo=UTC) for year in (1999, 2025, 2026, 2099))
RENEW = "have it renewed and reload, or set our clock right: "
OURS = "peers that look at it give up TLS with us"
THEIRS = "whom it vouches for is not called over TLS"


def certified(file: Path, start: datetime, end: datetime, authority: trustme.CA | None = None) -> Path:
    """A file with a certificate of these times, and its chain."""
    leaf = (authority or trustme.CA()).issue_cert("gateway.example.com", not_before=start, not_after=end)
    file.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    return file


@pytest.mark.parametrize(
    ("start", "end"),
    [(LONG_AGO, BEFORE), (BEFORE, NOW), (NOW, LATER), (LATER, LATER)],
    ids=["of the 1900s", "both with two digits of a year", "one with four", "both with four"],
)
def test_both_times_are_read(start: datetime, end: datetime, tmp_path: Path) -> None:
    assert validities(str(certified(tmp_path / "c.pem", start, end))) == [Validity(start, end)]


def test_every_certificate_of_the_system_is_read_as_openssl_reads_it() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(SYSTEM_AUTHORITIES)
    theirs = sorted(ssl.cert_time_to_seconds(str(one["notAfter"])) for one in context.get_ca_certs())
    assert theirs
    assert sorted(one.end.timestamp() for one in validities(SYSTEM_AUTHORITIES)) == theirs


@given(st.binary() | st.binary(max_size=99).map(lambda end: b"\x30\x40\x30\x3e\x02\x01\x01\x30\x00\x30\x00\x30" + end))
def test_what_is_no_certificate_has_no_validity(octets: bytes) -> None:
    with pytest.raises(ValueError):
        parse_validity(octets)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
    ids=["nothing", "no Base64", "no certificate"],
)
def test_a_file_that_cannot_be_read_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text(text)
    files = TlsFiles(str(tmp_path / "c.pem"), "", str(tmp_path / "nowhere.pem"))
    assert (list(certificate_problems(files, NOW)), certificate_end(files)) == ([], None)


def told(tls: TlsFiles) -> list[str]:
    return [f"{one.place}: {one.text}; {one.advice}" for one in certificate_problems(tls, NOW)]


def test_a_certificate_is_told_of_before_and_after_its_time(tmp_path: Path) -> None:
    ended = str(certified(tmp_path / "ended.pem", LONG_AGO, BEFORE))
    early = str(certified(tmp_path / "early.pem", LATER, LATER))
    good = str(certified(tmp_path / "good.pem", BEFORE, LATER))
    assert told(TlsFiles(good, "", good)) == []
    assert told(TlsFiles(ended, "", early)) == [
        f"sip.tls.certificate: {ended} expired on 2025-05-04 10:22 UTC; {RENEW}{OURS}",
        f"sip.tls.ca_list: {early} is not valid before 2099-05-04 10:22 UTC; {RENEW}{THEIRS}",
    ]
    assert certificate_end(TlsFiles(ended, "", good)) == BEFORE


def test_one_of_several_is_told_by_its_number(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    parts = [certified(tmp_path / "c.pem", BEFORE, end).read_text() for end in (LATER, BEFORE)]
    both.write_text("A comment.\n" + "\n".join(parts))
    (line,) = told(TlsFiles(str(both), ""))
    assert line.startswith(f"sip.tls.certificate: certificate 2 of 2 in {both} expired on 2025-05-04 10:22 UTC; ")
    assert certificate_end(TlsFiles(str(both), "")) == LATER


def test_the_authorities_of_the_system_are_not_ours_to_judge(tmp_path: Path) -> None:
    good = str(certified(tmp_path / "good.pem", LONG_AGO, LATER))
    long_after = datetime(2098, 1, 1, tzinfo=UTC)
    assert list(certificate_problems(TlsFiles(good, "", SYSTEM_AUTHORITIES), long_after)) == []
    assert list(certificate_problems(TlsFiles(good, "", SYSTEM_AUTHORITIES.replace("s/", "s/./")), long_after)) != []


def with_tls(files: Certificate) -> str:
    tls = f"tls: {{certificate: {files.certificate}, private_key: {files.private_key}}}"
    return SOUND.replace('5060"]', f'5060", "tls://127.0.0.1:5061"]\n  {tls}')


def test_check_warns_and_refuses_nothing(tmp_path: Path, load_text: Loader) -> None:
    ended = Authority(tmp_path / "ours").certify("gateway.example.com", days=-1)
    lines = build_report(load_text(with_tls(ended))).splitlines()
    (warning,) = [line for line in lines if line.startswith("warning: ")]
    assert warning.startswith(f"warning: sip.tls.certificate: {ended.certificate} expired on ")
    good = Certificate(TLS / "certificate.pem", TLS / "key.pem")
    assert "warning" not in build_report(load_text(with_tls(good)))
