"""Who calls: what is believed of whom, and what whom is told, whatever a message holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.headers import Headers
from gateway.core.identity import (
    ANONYMOUS,
    MAX_DIVERSIONS,
    MAX_USER_CHARACTERS,
    UNBELIEVED,
    Introduction,
    Party,
    believe,
    caller_of,
    introduce,
    party_of,
)
from gateway.core.message import SipMessage, parse_message
from gateway.core.plan import CallerSource, Identity, IdentityHeader, Trunk
from gateway.core.profiles import PROFILES
from gateway.core.terms import Side

INVITE = "INVITE sip:1@gw.example SIP/2.0"
FROM = "From: <sip:1001@10.1.1.1>;tag=a"
ASSERTED = 'P-Asserted-Identity: "Alice" <sip:+15550101@10.1.1.1:5060;user=phone>, <tel:+15550102>'
REMOTE = "Remote-Party-ID: <sip:+15550103@10.1.1.1>;party=calling;privacy=off"
PRIVATE = "Remote-Party-ID: <sip:+15550103@10.1.1.1>;party=calling;privacy=full"
DIVERTED = "Diversion: <sip:+15550104@10.1.1.1>;reason=no-answer;counter=1"
ALL = tuple(IdentityHeader)
PBX = Trunk("pbx", Side.PBX, PROFILES["pbx"], ("sip:pbx.example",), ())
TWILIO = Trunk("twilio", Side.TWILIO, PROFILES["sip-domain"], ("sip:twilio.example",), ())


def message(*lines: str) -> SipMessage:
    return parse_message("\r\n".join((INVITE, *lines)) + "\r\n\r\n")


def told(*lines: str, trusted: bool = True, **changes: object) -> tuple[str, dict[str, list[str]]]:
    """From and the other headers that a trunk is sent, which by default is sent all that there is."""
    identity = replace(Identity(trusted=trusted, send=ALL), **changes)  # type: ignore[arg-type]
    introduction = introduce(party_of(message(*lines)), replace(TWILIO, identity=identity))
    headers: dict[str, list[str]] = {}
    for name, value in introduction.headers("203.0.113.7"):
        headers.setdefault(name, []).append(value)
    return introduction.from_value("203.0.113.7"), headers


# ---- The user of From ----


@pytest.mark.parametrize(
    ("line", "caller"),
    [
        ("From: <sip:1001@pbx.example>;tag=a", "1001"),
        ('f: "Bob, of sales" <sip:bob@pbx.example>', "bob"),
        ("From: sip:1001@pbx.example;tag=a", "1001"),
        ("From: <tel:+15550100>", "+15550100"),
        ("From: <sip:a%20b@pbx.example>", "a%20b"),
        ("From: <sip:a:secret@pbx.example>", "a"),
        ("From: <sip:m%C3%BCller@pbx.example>", "m%C3%BCller"),
        ("From: <sip:pbx.example>", ""),
        ("From: <sips:>", ""),
        ("From: Anonymous", ""),
        ("From: <sip:1001@pbx.example", ""),
        ("From:", ""),
        ("X-From: <sip:1001@pbx.example>", ""),
        ("From: <sip:a%00b@pbx.example>", ""),
        ("From: <sip:a%0D%0AX-Evil:1@pbx.example>", ""),
        ("From: <sip:a%FFb@pbx.example>", ""),
        ("From: <sip:a\udcffb@pbx.example>", ""),
    ],
)
def test_the_caller(line: str, caller: str) -> None:
    assert caller_of(message(INVITE, line)) == caller


@pytest.mark.parametrize(
    ("user", "known"),
    [
        ("9" * MAX_USER_CHARACTERS, True),
        ("9" * (MAX_USER_CHARACTERS + 1), False),
        ("%20" * 85, True),
        ("%20" * 86, False),
        ("9" * 60_000, False),
    ],
    ids=["fits", "one too many", "fits escaped", "escaped one too many", "hostile"],
)
def test_a_caller_is_as_long_as_a_uri_can_hold(user: str, known: bool) -> None:
    assert caller_of(message(INVITE, f"From: <sip:{user}@pbx.example>")) == (user if known else "")


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_from_gives_a_caller_that_can_stand_in_a_uri(value: str) -> None:
    caller = caller_of(SipMessage(INVITE, Headers([("From", value)])))
    assert caller.isascii() and caller.isprintable() and len(caller) <= MAX_USER_CHARACTERS
    assert not set(caller) & set(' <>@"')


# ---- What is believed ----


@pytest.mark.parametrize(
    ("trunk", "lines", "left_out"),
    [
        (PBX, (FROM, ASSERTED, REMOTE, DIVERTED), ()),
        (PBX, ("x-twilio-VerStat: TN-Validation-Passed-A", ASSERTED), ("X-Twilio-*",)),
        (PBX, ("X-TwilioIsNotTwilio: 1",), ()),
        (TWILIO, ("X-Twilio-VerStat: TN-Validation-Passed-A", ASSERTED), ()),
    ],
    ids=["a PBX says who calls", "a PBX says it is Twilio", "a name like those of Twilio", "Twilio is Twilio"],
)
def test_what_is_believed_by_default(trunk: Trunk, lines: tuple[str, ...], left_out: tuple[str, ...]) -> None:
    believed, words = believe(message(*lines), trunk)
    assert words == left_out
    assert ("P-Asserted-Identity" in believed.headers) is (ASSERTED in lines)
    assert [name for name, _ in believed.headers if name.lower().startswith("x-twilio-")] == (
        ["X-Twilio-VerStat"] if trunk is TWILIO else []
    )


def test_a_message_without_any_of_it_stays_the_same() -> None:
    plain = message(FROM, "X-Queue: sales")
    assert believe(plain, replace(PBX, identity=Identity(believed=False)))[0] is plain


def test_nothing_that_needs_belief_is_left_of_who_is_not_believed() -> None:
    said = message(FROM, ASSERTED, "p-asserted-identity: <tel:+1>", REMOTE, DIVERTED, "X-Twilio-CallSid: CA1", "X-A: b")
    believed, words = believe(said, replace(PBX, identity=Identity(believed=False)))
    assert words == UNBELIEVED
    assert list(believed.headers) == [("From", "<sip:1001@10.1.1.1>;tag=a"), ("X-A", "b")]


@pytest.mark.parametrize("line", [PRIVATE, PRIVATE.replace("full", "URI"), PRIVATE.replace("full", "name")])
def test_who_is_not_believed_can_still_ask_for_privacy(line: str) -> None:
    believed, words = believe(message(FROM, line), replace(PBX, identity=Identity(believed=False)))
    assert words == ("Remote-Party-ID",)
    assert party_of(believed) == Party("1001", privacy=("id",))


# ---- What is read ----


@pytest.mark.parametrize(
    ("lines", "party"),
    [
        ((FROM,), Party("1001")),
        ((FROM, ASSERTED, REMOTE), Party("1001", "+15550101", "Alice")),
        ((FROM, REMOTE), Party("1001", "+15550103")),
        ((FROM, REMOTE.replace("calling", "called")), Party("1001")),
        ((FROM, REMOTE.replace("party=calling;", "")), Party("1001", "+15550103")),
        ((FROM, PRIVATE), Party("1001", "+15550103", privacy=("id",))),
        ((FROM, "P-Asserted-Identity: nonsense, <sip:pbx.example>, <tel:+15550102>"), Party("1001", "+15550102")),
        ((FROM, 'P-Asserted-Identity: "A\x00B" <sip:2@a>'), Party("1001", "2")),
        ((FROM, f'P-Asserted-Identity: "{"n" * 81}" <sip:2@a>'), Party("1001", "2")),
        (
            (FROM, "Privacy: ID ; critical", "privacy: header;bogus"),
            Party("1001", privacy=("header", "id", "critical")),
        ),
        ((FROM, "Privacy: none"), Party("1001", privacy=("none",))),
        ((), Party()),
    ],
    ids=[
        "From alone",
        "asserted before remote party",
        "remote party",
        "the remote party that is called",
        "a remote party of which it is not said",
        "a private remote party",
        "the first that has a user",
        "a name with a control character",
        "a name that is too long",
        "two lines of privacy, in any case",
        "no privacy",
        "nobody",
    ],
)
def test_who_a_message_says_is_there(lines: tuple[str, ...], party: Party) -> None:
    assert party_of(message(*lines)) == party


@pytest.mark.parametrize(
    ("words", "hides"),
    [((), False), (("none",), False), (("session",), False), (("id",), True), (("user",), True), (("header",), True)],
)
def test_what_hides_a_caller(words: tuple[str, ...], hides: bool) -> None:
    assert Party("1001", privacy=words).hides is hides


# ---- What is told ----


def test_a_trusted_trunk_is_told_all_that_it_is_to_be_sent_from_our_own_host() -> None:
    assert told(FROM, ASSERTED, DIVERTED, "Privacy: none") == (
        "<sip:1001@203.0.113.7>",
        {
            "P-Asserted-Identity": ['"Alice" <sip:+15550101@203.0.113.7>'],
            "Remote-Party-ID": ['"Alice" <sip:+15550101@203.0.113.7>;party=calling;screen=yes;privacy=off'],
            "Diversion": ["<sip:+15550104@203.0.113.7>;reason=no-answer"],
            "Privacy": ["none"],
        },
    )


def test_a_trusted_trunk_is_told_what_is_private_and_that_it_is() -> None:
    caller, headers = told(FROM, ASSERTED, "Privacy: id")
    assert caller == "<sip:1001@203.0.113.7>"
    assert headers["P-Asserted-Identity"] == ['"Alice" <sip:+15550101@203.0.113.7>']
    assert headers["Remote-Party-ID"][0].endswith(";privacy=full")
    assert headers["Privacy"] == ["id"]


@pytest.mark.parametrize("line", ["Privacy: id", "Privacy: user", "Privacy: header", PRIVATE])
def test_an_untrusted_trunk_is_told_nothing_of_who_hides(line: str) -> None:
    for source in CallerSource:
        assert told(FROM, ASSERTED, DIVERTED, line, trusted=False, caller=source) == (ANONYMOUS, {})


def test_an_untrusted_trunk_is_told_nothing_that_is_asserted() -> None:
    """Whatever it is to be sent, and even of who hides nothing."""
    assert told(FROM, ASSERTED, DIVERTED, "Privacy: none", trusted=False) == (
        "<sip:1001@203.0.113.7>",
        {"Diversion": ["<sip:+15550104@203.0.113.7>;reason=no-answer"]},
    )


def test_nothing_is_told_that_is_not_to_be_sent() -> None:
    assert told(FROM, ASSERTED, DIVERTED, send=()) == ("<sip:1001@203.0.113.7>", {})


@pytest.mark.parametrize(("lines", "user"), [((FROM, ASSERTED), "+15550101"), ((FROM,), "1001"), ((), "anonymous")])
def test_from_can_be_who_is_asserted(lines: tuple[str, ...], user: str) -> None:
    assert told(*lines, caller=CallerSource.ASSERTED)[0] == f"<sip:{user}@203.0.113.7>"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("<tel:+15550104>;reason=User-Busy", ["<sip:+15550104@203.0.113.7>;reason=user-busy"]),
        ('<sip:4@a>;reason="do-not-disturb"', ["<sip:4@203.0.113.7>;reason=do-not-disturb"]),
        ('<sip:4@a>;reason="x>;y"', ["<sip:4@203.0.113.7>;reason=unknown"]),
        ("<sip:4@a>", ["<sip:4@203.0.113.7>;reason=unknown"]),
        ("<sip:4@a>, <sip:5@b>", ["<sip:4@203.0.113.7>;reason=unknown", "<sip:5@203.0.113.7>;reason=unknown"]),
        ("<sip:pbx.example>, nonsense", []),
        ("<sip:4@a>;privacy=full", ["<sip:4@203.0.113.7>;reason=unknown;privacy=full"]),
    ],
    ids=["a number", "quoted", "hostile", "no reason", "two", "nobody", "private"],
)
def test_diversions(value: str, written: list[str]) -> None:
    assert told(FROM, f"Diversion: {value}")[1].get("Diversion", []) == written


def test_an_untrusted_trunk_is_not_told_who_diverted_in_private() -> None:
    lines = (FROM, "Diversion: <sip:4@a>;privacy=full, <sip:5@b>;privacy=off")
    assert told(*lines, trusted=False)[1] == {"Diversion": ["<sip:5@203.0.113.7>;reason=unknown"]}


def test_of_many_diversions_the_latest_are_told() -> None:
    many = ", ".join(f"<sip:{number}@a>" for number in range(100))
    written = told(FROM, f"Diversion: {many}")[1]["Diversion"]
    assert written == [f"<sip:{number}@203.0.113.7>;reason=unknown" for number in range(MAX_DIVERSIONS)]


ANYTHING = st.text(st.characters(codec=None, categories=None))


@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_is_said_can_be_written_and_names_no_host_but_ours(identity: str, diversion: str, name: str) -> None:
    headers = [
        ("P-Asserted-Identity", identity),
        ("Remote-Party-ID", f'"{name}" <sip:{identity}@10.1.1.1>'),
        ("Diversion", f"<sip:{diversion}@10.1.1.1>;reason={name}"),
        ("Privacy", name),
    ]
    identity_of_all = replace(TWILIO, identity=Identity(send=ALL))
    introduction = introduce(party_of(SipMessage(INVITE, Headers(headers))), identity_of_all)
    for _, value in introduction.headers("203.0.113.7"):
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in value)
        value.encode()
        assert value.count("<sip:") >= value.endswith("203.0.113.7>")


def test_who_is_not_known_is_anonymous_at_our_host() -> None:
    assert Introduction().from_value("203.0.113.7") == "<sip:anonymous@203.0.113.7>"
