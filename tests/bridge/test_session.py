"""The UUIDs of both ends of a call, whatever a peer calls itself."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.session import NIL, End, hear_end, is_malformed, make_end, session_id
from gateway.core.headers import Headers
from gateway.core.message import SipMessage

UUID = "ab30317f1a784dc48ff824d0d3715d86"
OTHER = "47755a9de7794ba387653f2099600ef2"
MADE = make_end("call-1", "inbound")
INVITE = "INVITE sip:1@gw.example SIP/2.0"


def message(*values: str, name: str = "Session-ID") -> SipMessage:
    return SipMessage(INVITE, Headers([(name, value) for value in values]))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((f"{UUID};remote={OTHER}",), UUID),
        ((f"{UUID};remote={NIL}",), UUID),
        ((f"{UUID} ; remote={NIL};more=x",), UUID),
        ((UUID,), UUID),
        ((UUID.upper(),), UUID),
        ((f"{NIL};remote={UUID}",), ""),
        ((f"{UUID[:-1]};remote={NIL}",), ""),
        ((f"{UUID}0;remote={NIL}",), ""),
        (("ab30317f-1a78-4dc4-8ff8-24d0d3715d86",), ""),
        ((f"{UUID}\r\nX-Evil: 1",), ""),
        (("",), ""),
        ((UUID, OTHER), ""),
        ((f"{UUID}, {OTHER}",), ""),
        (("0" * 60_000,), ""),
    ],
    ids=[
        "of RFC 7989",
        "of a first request",
        "with a parameter of later",
        "of RFC 7329",
        "upper case",
        "nobody",
        "short",
        "long",
        "with dashes",
        "two lines in one",
        "empty",
        "two",
        "a list",
        "hostile",
    ],
)
def test_what_an_end_calls_itself(values: tuple[str, ...], named: str) -> None:
    assert hear_end(message(*values), MADE) == (End(named, is_its_own=True) if named else MADE)
    assert is_malformed(message(*values)) is not bool(named)


def test_the_name_of_the_header_is_of_any_case() -> None:
    assert hear_end(message(UUID, name="session-id"), MADE).uuid == UUID


def test_who_says_nothing_is_nothing_malformed() -> None:
    assert hear_end(message(), MADE) is MADE
    assert not is_malformed(message())


def test_an_end_that_we_name_is_always_the_same_and_no_other() -> None:
    ends = {make_end(call, leg).uuid for call in ("call-1", "call-2") for leg in ("inbound", "outbound", "7")}
    assert len(ends) == 6
    assert make_end("call-1", "inbound") == MADE
    assert re.fullmatch("[0-9a-f]{12}5[0-9a-f]{3}[89ab][0-9a-f]{15}", MADE.uuid)  # a UUID of version 5


@given(st.text(), st.sampled_from(["inbound", "outbound", "7"]))
def test_an_end_that_we_name_has_the_uuid_of_the_standard_library(call: str, leg: str) -> None:
    name_space = uuid.UUID("6f2b5c1e-6f0d-5c7b-9d52-0d9d5b1f7a34")
    assert make_end(call, leg).uuid == uuid.uuid5(name_space, f"{call} {leg}").hex


@pytest.mark.parametrize(
    ("listener", "remote"),
    [(None, NIL), (End(OTHER, is_its_own=True), OTHER), (End(OTHER), NIL)],
    ids=["nobody yet", "who named itself", "who did not"],
)
def test_what_an_end_is_told(listener: End | None, remote: str) -> None:
    assert session_id(End(UUID), listener) == f"{UUID};remote={remote}"


@given(st.text(st.characters(codec=None, categories=None)))
def test_whatever_is_said_only_uuids_cross(value: str) -> None:
    end = hear_end(message(value), MADE)
    assert re.fullmatch("[0-9a-f]{32};remote=[0-9a-f]{32}", session_id(end, end))
