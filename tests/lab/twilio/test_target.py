"""SIP targets with headers: what Twilio sends, what it leaves out with a warning, what it does not call at all."""

from __future__ import annotations

import pytest

from gateway.lab.twilio.target import TargetError, build_target, parse_target

HOST = "sip:bob@pbx.example;transport=tls"

SENT = {
    "no headers": ("", ()),
    "an X- header in any case": ("?x-a=1&X-B=2", (("x-a", "1"), ("X-B", "2"))),
    "User-to-User": ("?User-to-User=00C8%3Bencoding%3Dhex", (("User-to-User", "00C8;encoding=hex"),)),
    "the three others": (
        "?Remote-Party-ID=a&P-Preferred-Identity=b&P-Called-Party-ID=c",
        (("Remote-Party-ID", "a"), ("P-Preferred-Identity", "b"), ("P-Called-Party-ID", "c")),
    ),
    "an empty value": ("?X-A=", (("X-A", ""),)),
    "an escaped ampersand": ("?X-A=a%26b", (("X-A", "a&b"),)),
    "a plus is a plus": ("?X-A=a+b", (("X-A", "a+b"),)),
    "1,023 characters of headers": ("?X-A=" + "x" * 1019, (("X-A", "x" * 1019),)),
}

LEFT_OUT = {
    "not escaped": ("?X-A=a;b&X-B=1", 32110),
    "half an escape": ("?X-A=50%&X-B=1", 32110),
    "a blank": ("?X-A=a b&X-B=1", 32110),
    "an illegal name": ("?X-A(b)=1&X-B=1", 32111),
    "beyond ASCII": ("?X-A=Zo%C3%AB&X-B=1", 32112),
    "a line break": ("?X-A=a%0D%0Ab&X-B=1", 32112),
    "Twilio's own name": ("?X-Twilio-CallSid=CA1&X-B=1", 32113),
}

REFUSED = {
    "no SIP URI": ("http://pbx.example", 13243),
    "no host": ("sip:bob@", 13243),
    "255 characters of URI": ("sip:" + "a" * 239 + "@pbx.example", 13243),
    "a name that Twilio never sends": (HOST + "?P-Asserted-Identity=a", 13252),
    "a name without X-": (HOST + "?displayName=Alice", 13252),
    "an ampersand that was not escaped": (HOST + "?X-A=a&b", 13251),
    "1,024 characters of headers": (HOST + "?X-A=" + "x" * 1020, 13253),
}


@pytest.mark.parametrize(("text", "headers"), SENT.values(), ids=SENT)
def test_what_is_sent(text: str, headers: tuple[tuple[str, str], ...]) -> None:
    target = parse_target(HOST + text)
    assert (target.uri, target.headers, target.alerts) == (HOST, headers, ())


@pytest.mark.parametrize(("text", "code"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_costs_a_header_and_not_the_call(text: str, code: int) -> None:
    target = parse_target(HOST + text)
    assert target.headers == (("X-B", "1"),)
    assert [alert.code for alert in target.alerts] == [code]


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED)
def test_what_costs_the_call(text: str, code: int) -> None:
    with pytest.raises(TargetError) as error:
        parse_target(text)
    assert error.value.code == code


def test_rest_has_a_number_of_its_own_for_long_headers() -> None:
    with pytest.raises(TargetError) as error:
        parse_target(HOST + "?X-A=" + "x" * 1020, over_limit=21227)
    assert str(error.value) == (
        "21227 Headers of the SIP URI are too long: 1024 characters of headers, fewer than 1024 are allowed"
    )


def test_a_target_that_was_built_reads_as_it_was() -> None:
    headers = (("X-A", 'a;b=c&"d" %'), ("User-to-User", "00;encoding=hex"))
    assert parse_target(build_target(HOST, headers)).headers == headers
