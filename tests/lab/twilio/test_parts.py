"""The smaller pure parts: digest, parameters, the advice, bins, mu-law, the pages."""

from __future__ import annotations

import hashlib
from array import array

import pytest

from gateway.lab.twilio import parameters
from gateway.lab.twilio.alerts import advise
from gateway.lab.twilio.bins import render_bin
from gateway.lab.twilio.digest import REALM, build_challenge, is_answered
from gateway.lab.twilio.pages import build_calls_page, build_debugger_page
from gateway.lab.twilio.stream import build_mulaw

HEADERS = (
    ("X-A", "1"),
    ("x-b", "2"),
    ("user-to-user", "00;encoding=hex"),
    ("P-Asserted-Identity", "<sip:a@b>"),
    ("Diversion", "<sip:c@d>"),
)


def authorization(password: str, **changes: str) -> str:
    """What a SIP phone answers a challenge with (RFC 2617, section 3.2.2)."""
    parts = {"username": "gw", "realm": REALM, "nonce": "N", "uri": "sip:a@b", "nc": "00000001", "cnonce": "c"}
    parts |= changes
    secret = hashlib.md5(f"{parts['username']}:{parts['realm']}:{password}".encode()).hexdigest()
    request = hashlib.md5(f"INVITE:{parts['uri']}".encode()).hexdigest()
    text = f"{secret}:{parts['nonce']}:{parts['nc']}:{parts['cnonce']}:auth:{request}"
    response = hashlib.md5(text.encode()).hexdigest()
    fields = ", ".join(f'{name}="{value}"' for name, value in parts.items() if name != "nc")
    return f'Digest {fields}, qop=auth, nc={parts["nc"]}, response="{response}", algorithm=MD5'


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (authorization("secret"), True),
        (authorization("wrong"), False),
        (authorization("secret", nonce="old"), False),
        (authorization("secret", username="other"), False),
        (authorization("secret", realm="elsewhere"), False),
        ("Basic Z3c6c2VjcmV0", False),
        ("Digest", False),
    ],
)
def test_digest(answer: str, good: bool) -> None:
    assert is_answered(answer, "INVITE", {"gw": "secret"}, {"N"}) is good


def test_challenge() -> None:
    assert build_challenge("N") == 'Digest realm="sip.twilio.com",qop="auth",nonce="N",opaque=""'


def test_parameters_of_an_invite() -> None:
    assert parameters.sip_headers(HEADERS) == {
        "SipHeader_X-A": "1",
        "SipHeader_x-b": "2",
        "SipHeader_User-to-User": "00;encoding=hex",
    }


def test_parameters_of_responses_have_no_user_to_user() -> None:
    assert parameters.screening_headers(HEADERS) == {"SipHeader_X-A": "1", "SipHeader_x-b": "2"}
    assert parameters.dial_headers(HEADERS) == {"DialSipHeader_X-A": "1", "DialSipHeader_x-b": "2"}


def test_what_counts_towards_the_advice() -> None:
    given = {"SipHeader_X-A": "1", "DialSipHeader_X-B": "2", "SipHeader_X-Twilio-CallSid": "CA", "CallSid": "CA"}
    assert parameters.custom_parameters(given) == {"X-A": "1", "X-B": "2"}


@pytest.mark.parametrize(("size", "warned"), [(799, False), (800, False), (801, True)])
def test_the_advice_begins_after_800_bytes(size: int, warned: bool) -> None:
    alert = advise({"n": "x" * (size - 1)}, "here")
    assert (alert is not None) is warned
    assert alert is None or alert.detail == "801 bytes of names and values in here"


def test_the_advice_counts_bytes_and_not_characters() -> None:
    alert = advise({"n": "ë" * 400}, "here")
    assert alert is not None and alert.detail.startswith("801 bytes")


@pytest.mark.parametrize(
    ("text", "identity", "given"),
    [
        ("client:bob", "bob", {}),
        ("client:bob?a=1&b=x%26y", "bob", {"a": "1", "b": "x&y"}),
        ("client:bob?a=", "bob", {"a": ""}),
    ],
)
def test_client_targets(text: str, identity: str, given: dict[str, str]) -> None:
    assert parameters.split_client(text) == (identity, given)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("sip:100@pbx.example:5060;transport=tcp?X-A=1", ("100", "pbx.example")),
        ("sip:pbx.example", ("", "pbx.example")),
        ("sips:+1555@h", ("+1555", "h")),
    ],
)
def test_parts_of_a_uri(uri: str, parts: tuple[str, str]) -> None:
    assert parameters.split_uri(uri) == parts


# ---- bins ----


def test_a_bin_is_escaped_for_xml() -> None:
    assert render_bin('<A b="{{SipHeader_X-C}}"/>', {"SipHeader_X-C": 'a "b" <c> &'}) == (
        '<A b="a &quot;b&quot; &lt;c&gt; &amp;"/>'
    )


@pytest.mark.parametrize("to", ["sip:+15551234567@acme.sip.twilio.com", "+15551234567"])
def test_a_bin_takes_the_number_out_of_a_uri(to: str) -> None:
    assert render_bin("{{#e164}}{{To}}{{/e164}}|{{Missing}}", {"To": to}) == "+15551234567|"


def test_a_bin_that_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="the template cannot be read: Section end tag mismatch"):
        render_bin("{{#a}}{{/b}}", {})


# ---- mu-law ----


def test_mulaw_of_known_samples() -> None:
    """ITU-T G.711, table 2a: the ends of the scale, its middle, and a sign."""
    samples = array("h", [0, 32767, -32768, 8000, -8000])
    assert build_mulaw(samples.tobytes()).hex() == "ff8000a020"


# ---- pages ----


def test_pages_escape_what_comes_from_outside() -> None:
    evil = "<script>alert(1)</script>"
    call = {
        "sid": "CA1",
        "direction": "inbound",
        "status": "completed",
        "from": evil,
        "to": "b",
        "custom": {evil: evil},
        "invite": [["X-A", evil], ["Via", "x"]],
        "webhooks": [{"url": evil, "status": 200, "params": {"a": evil}, "answer": evil}],
    }
    page = build_calls_page([call], [evil])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 8
    assert "Via" not in page
    alert = {"code": 0, "text": evil, "detail": evil, "call": ""}
    assert "<script" not in build_debugger_page([alert])


def test_pages_without_anything() -> None:
    assert "No call yet." in build_calls_page([], [])
    assert "Nothing to complain about." in build_debugger_page([])
