"""The stand-in's configuration: what is refused, with the exact words."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.lab.twilio.settings import Domain, TwilioLab, load_lab
from tests.docs.documents import ROOT

GOOD = """\
sip: "127.0.0.3:5060"
http: "127.0.0.3:8080"
domains:
  acme.sip.twilio.com: {voice_url: "http://127.0.0.1:9000/voice", allow: ["127.0.0.1", "10.0.0.0/8"]}
"""

BAD = {
    "domains without a list": (
        GOOD.replace(', allow: ["127.0.0.1", "10.0.0.0/8"]', ""),
        "domains.acme…: takes no calls: give it allow, credentials or both",
    ),
    "a URL of another kind": (
        GOOD.replace("http://127.0.0.1:9000", "ftp://a"),
        "domains.acme….voice_url: must be an http:// or https:// URL, not 'ftp://a/voice'",
    ),
    "no network": (
        GOOD.replace('"10.0.0.0/8"', '"10.0.0.1/8"'),
        "domains.acme….allow[1]: must be an IPv4 address or network such as 127.0.0.1 or 10.0.0.0/8, not '10.0.0.1/8'",
    ),
    "an unknown key": (GOOD + "port: 1\n", "port: is not a known key; known are sip, http, account,"),
    "a key that is missing": (
        GOOD.replace('sip: "127.0.0.3:5060"\n', ""),
        'sip: is missing: the UDP address for SIP, such as "127.0.0.3:5060"',
    ),
    "an unknown habit": (
        GOOD + 'numbers: {"1555": "sleeps"}\n',
        "numbers.1555: must be answers, is busy or does not answer, not 'sleeps'",
    ),
    "a bin without its file": (GOOD + "bins: {greeting: nowhere.xml}\n", "bins.greeting: is no file: "),
}


def written(folder: Path, text: str) -> str:
    path = folder / "lab.yaml"
    path.write_text(text)
    return str(path)


def test_a_good_file(tmp_path: Path) -> None:
    settings = load_lab(written(tmp_path, GOOD))
    found = settings.domain("acme.sip.twilio.com")
    assert found is not None and found == settings.domain("127.0.0.3")
    assert settings.domain("other.sip.twilio.com") is None


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_files(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_lab(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_the_sample_loads_and_has_every_key() -> None:
    settings = load_lab(str(ROOT / "config/lab/twilio.yaml"))
    assert settings.model_fields_set == set(TwilioLab.model_fields)
    (domain,) = settings.domains.values()
    assert domain.model_fields_set == set(Domain.model_fields)
