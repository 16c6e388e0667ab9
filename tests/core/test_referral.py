"""Refer-To and Replaces: what is read, what is refused."""

from __future__ import annotations

import pytest

from gateway.core.headers import Headers
from gateway.core.message import SipMessage
from gateway.core.referral import DialogId, Referral, at_home, build_replaces, parse_referral, parse_replaces
from gateway.core.uri import SipUri, build_uri, parse_uri
from gateway.errors import MessageError, PeerError, UriError

DIALOG = DialogId("a84b4c76e66710@pc33.example", "314159", "1928301774")
ESCAPED = "a84b4c76e66710%40pc33.example%3Bto-tag%3D314159%3Bfrom-tag%3D1928301774"


def refer(*targets: str) -> SipMessage:
    return SipMessage("REFER sip:a@h SIP/2.0", Headers(("Refer-To", target) for target in targets))


@pytest.mark.parametrize(
    ("value", "dialog"),
    [
        ("a84b4c76e66710@pc33.example;to-tag=314159;from-tag=1928301774", DIALOG),
        (" a84b4c76e66710@pc33.example ;From-Tag = 1928301774;x=1;to-tag=314159", DIALOG),
        ("12;to-tag=1;from-tag=2;early-only", DialogId("12", "1", "2", early_only=True)),
        ("(a):[b]{c}<d>@e;to-tag=1;from-tag=2", DialogId("(a):[b]{c}<d>@e", "1", "2")),
    ],
)
def test_a_dialog_is_read(value: str, dialog: DialogId) -> None:
    assert parse_replaces(value) == dialog
    assert parse_replaces(build_replaces(dialog)) == dialog


@pytest.mark.parametrize(
    "value",
    [
        "",
        "12",
        "12;to-tag=1",
        "12;from-tag=1",
        ";to-tag=1;from-tag=2",
        "1 2;to-tag=1;from-tag=2",
        "12;to-tag=;from-tag=2",
        '12;to-tag="a b";from-tag=2',
        "12\r\nX-Evil: 1;to-tag=1;from-tag=2",
        "1@2@3;to-tag=1;from-tag=2",
    ],
)
def test_what_names_no_dialog_is_refused(value: str) -> None:
    with pytest.raises(MessageError, match="^Replaces names a Call-ID and both tags$"):
        parse_replaces(value)


@pytest.mark.parametrize(
    ("target", "referral"),
    [
        ("<sip:2000@h>", Referral(SipUri("sip", "2000", "h"))),
        ('"A, B" <sip:2000@h;method=INVITE>;x=1', Referral(SipUri("sip", "2000", "h", params=(("method", "INVITE"),)))),
        ("tel:+1555", Referral(SipUri("tel", "+1555", ""))),
        (
            f"<sip:2000@h?Replaces={ESCAPED}&X-A=1>",
            Referral(
                SipUri(
                    "sip",
                    "2000",
                    "h",
                    headers=(
                        ("Replaces", "a84b4c76e66710@pc33.example;to-tag=314159;from-tag=1928301774"),
                        ("X-A", "1"),
                    ),
                ),
                DIALOG,
            ),
        ),
    ],
)
def test_a_refer_is_read(target: str, referral: Referral) -> None:
    assert parse_referral(refer(target)) == referral


@pytest.mark.parametrize(
    ("target", "moved"),
    [
        ("sip:2000@10.0.0.5:5070;transport=tcp", "sip:2000@acme.sip.twilio.com"),
        ("sips:2000@pbx.corp.example", "sip:2000@acme.sip.twilio.com"),
        ("sip:2000@[2001:db8::1]:5070?X-A=1", "sip:2000@acme.sip.twilio.com"),
        ("sip:+1555@h;user=phone", "sip:+1555@acme.sip.twilio.com;user=phone"),
        ("sip:2000@h;maddr=10.0.0.5;gr=10.0.0.5;ob;method=INVITE;X=10.0.0.5", "sip:2000@acme.sip.twilio.com"),
        ("tel:+1555;ext=12;isub=10.0.0.5", "tel:+1555;ext=12"),
        ("tel:2000;phone-context=+1555", "tel:2000;phone-context=+1555"),
        ("tel:2000;Phone-Context=corp.example", "tel:2000"),
        ("tel:2000;phone-context", "tel:2000"),
    ],
)
def test_a_target_is_known_at_home_by_its_user_alone(target: str, moved: str) -> None:
    home = parse_uri("sip:acme.sip.twilio.com;transport=tls")
    assert build_uri(at_home(parse_uri(target), home)) == moved


def test_a_home_has_its_port() -> None:
    assert build_uri(at_home(parse_uri("sip:1@h"), parse_uri("sip:10.0.0.6:5070"))) == "sip:1@10.0.0.6:5070"


@pytest.mark.parametrize(
    ("targets", "error", "text"),
    [
        ((), MessageError, "a REFER has one Refer-To, not 0"),
        (("<sip:a@h>", "<sip:b@h>"), MessageError, "a REFER has one Refer-To, not 2"),
        (("<sip:a@h>, <sip:b@h>",), MessageError, "a REFER has one Refer-To, not 2"),
        (("<sip:a@h;method=BYE>",), MessageError, "a REFER asks for a call, for no other method"),
        (("<sip:a@h;method=invite>",), MessageError, "a REFER asks for a call, for no other method"),
        (("<sip:a@h?Replaces=1>",), MessageError, "Replaces names a Call-ID and both tags"),
        (("<http://h/>",), UriError, "not a sip, sips or tel URI"),
    ],
)
def test_a_refer_that_asks_for_no_call_is_refused(targets: tuple[str, ...], error: type[PeerError], text: str) -> None:
    with pytest.raises(error, match=f"^{text}$"):
        parse_referral(refer(*targets))
