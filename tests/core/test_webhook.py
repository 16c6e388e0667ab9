"""What Twilio's webhook would be given."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.scopes import Message
from gateway.core.terms import Direction, On, Side
from gateway.core.webhook import webhook_form, webhook_parameters


@pytest.mark.parametrize(
    ("header", "parameter"),
    [
        (("X-CustomerID", "42"), ("SipHeader_X-CustomerID", "42")),
        (("x-inin-cnv", "a"), ("SipHeader_x-inin-cnv", "a")),
        (("user-to-user", "00AA;encoding=hex"), ("SipHeader_User-to-User", "00AA;encoding=hex")),
        (("P-Asserted-Identity", "<sip:a@b>"), None),
        (("User-to-User-2", "a"), None),
        (("X", "a"), None),
        (("Subject", "a"), None),
    ],
)
def test_a_header_is_a_parameter_or_is_not_passed_on(
    header: tuple[str, str], parameter: tuple[str, str] | None
) -> None:
    assert webhook_parameters([header]) == ([] if parameter is None else [parameter])


def test_parameters_keep_the_order_of_the_headers() -> None:
    headers = [("X-B", "1"), ("Via", "2"), ("X-A", "3")]
    assert [name for name, _ in webhook_parameters(headers)] == ["SipHeader_X-B", "SipHeader_X-A"]


def test_the_form_is_what_is_posted() -> None:
    assert webhook_form([("SipHeader_X-Name", "José & co;a=b")]) == "SipHeader_X-Name=Jos%C3%A9+%26+co%3Ba%3Db"
    assert webhook_form([]) == ""


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))))
def test_a_form_is_read_as_itself(parameters: list[tuple[str, str]]) -> None:
    assert parse_qsl(webhook_form(parameters), keep_blank_values=True) == parameters


@given(st.text(st.characters()))
def test_any_value_can_be_posted(value: str) -> None:
    assert webhook_form([("a", value)]).isascii()


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (Message(Direction.TO_PBX, On.ANSWER, Side.PBX), ["SipHeader_X-A"]),
        (Message(Direction.TO_PBX, On.END, Side.PBX), ["DialSipHeader_X-A"]),
        (Message(Direction.TO_TWILIO, On.END, Side.PBX), []),
        (Message(Direction.TO_PBX, On.PROGRESS, Side.PBX), []),
    ],
)
def test_later_messages_have_webhooks_of_their_own(message: Message, names: list[str]) -> None:
    found = webhook_parameters([("X-A", "1"), ("User-to-User", "2"), ("P-A", "3")], message)
    assert [name for name, _ in found] == names
