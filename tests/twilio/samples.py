"""A contract as an application at Twilio meets it, for the tests of `gateway.twilio`."""

from __future__ import annotations

from typing import Any

from gateway.core.contract import Contract
from gateway.core.fields import Field, FieldType
from gateway.core.locators import parse_locator
from gateway.core.plan import Account, Forward, Webhook
from gateway.core.profiles import PROFILES
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Word
from gateway.core.uui import UuiFormat, UuiSetup

PROFILE = PROFILES["sip-domain"]
SID = "AC0123456789abcdef0123456789abcdef"


def field(name: str, twilio: str | None, **more: Any) -> Field:
    return Field(name, parse_locator("var:A"), twilio and parse_locator(twilio), **more)


CONTRACT = Contract(
    (
        field("customer_id", "header:X-CustomerID", max_bytes=300, priority=90),
        field("queue", "header:X-Queue", type=FieldType.ENUM, values=("sales", "support"), transform=(Word.LOWER,)),
        field("count", "uui:count", type=FieldType.INTEGER),
        field("note", "header:X-Note", priority=10),
        field("caller_name", "header:X-Caller-Name", direction=frozenset({Direction.TO_TWILIO})),
        field("result", "header:X-Result", on=frozenset({On.ANSWER}), direction=frozenset({Direction.TO_PBX})),
    ),
    {Side.TWILIO: UuiSetup(UuiFormat.JSON)},
)


def account(forward: Forward, token: str = "12345", url: str = "https://app.example.com/voice") -> Account:
    return Account(SID, token, webhook=Webhook("127.0.0.1", 8080, url, forward))
