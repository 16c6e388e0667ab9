"""What an explanation says: the object of `gateway explain --json`, key by key."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.core.contract import Contract, MissingPolicy
from gateway.core.explanation import CALL_ID, explain, likely_sender
from gateway.core.fields import Field
from gateway.core.locators import parse_locator
from gateway.core.message import SipMessage, parse_message
from gateway.core.plan import Dialect, Plan, TransferMode, Trunk
from gateway.core.profiles import PROFILES
from gateway.core.scopes import Message
from gateway.core.terms import Direction, On, Side

TO_TWILIO, TO_PBX = Direction.TO_TWILIO, Direction.TO_PBX


def field(name: str, pbx: str, twilio: str, **more: Any) -> Field:
    return Field(name, parse_locator(pbx), parse_locator(twilio), on=frozenset(On), **more)


def plan(*fields: Field, profile: str = "sip-domain", **contract: Any) -> Plan:
    trunks = (
        Trunk("pbx", Side.PBX, PROFILES["pbx"], ("sip:pbx",), (), Dialect.ASTERISK),
        Trunk("spare", Side.PBX, PROFILES["genesys"], ("sip:spare",), (), Dialect.FREESWITCH),
        Trunk("twilio", Side.TWILIO, PROFILES[profile], ("sip:twilio",), ()),
    )
    return Plan((), trunks, (), Contract(fields, **contract))


def message(*headers: str, start: str = "INVITE sip:a@h SIP/2.0") -> SipMessage:
    return parse_message("\r\n".join([start, *headers, "", ""]))


CUSTOMER = field("customer", "var:CUSTOMER", "header:X-Customer", required=True)
CALL = field("call", "call:id", "header:X-Call", direction=frozenset({TO_TWILIO}))
INVITE = Message(TO_TWILIO, On.INVITE, Side.PBX)


def test_everything_is_said_about_an_invite() -> None:
    found = explain(plan(CUSTOMER, CALL), message("X-PBX-CUSTOMER: a&b é"), INVITE).as_dict()
    assert found == {
        "direction": "to_twilio",
        "on": "invite",
        "headers": [["X-Customer", "a&b é"], ["X-Call", CALL_ID]],
        "webhook": {"SipHeader_X-Customer": "a&b é", "SipHeader_X-Call": CALL_ID},
        "webhook_form": f"SipHeader_X-Customer=a%26b+%C3%A9&SipHeader_X-Call={CALL_ID}",
        "bytes": 58,
        "budget": 800,
        "receipt": [
            {
                "field": "customer",
                "direction": "to_twilio",
                "on": "invite",
                "source": "var:CUSTOMER",
                "target": "header:X-Customer",
                "outcome": "sent",
                "bytes": 16,
                "reason": None,
            },
            {
                "field": "call",
                "direction": "to_twilio",
                "on": "invite",
                "source": "call:id",
                "target": "header:X-Call",
                "outcome": "sent",
                "bytes": 42,
                "reason": None,
            },
        ],
        "rejected": None,
    }
    assert list(found) == [
        "direction", "on", "headers", "webhook", "webhook_form", "bytes", "budget", "receipt", "rejected",
    ]  # fmt: skip
    assert json.loads(json.dumps(found)) == found


def test_a_refused_call_has_a_code_and_a_reason() -> None:
    found = explain(plan(CUSTOMER, missing=MissingPolicy.REJECT), message(), INVITE).as_dict()
    assert found["rejected"] == {
        "code": 400,
        "reason": "missing-context",
        "warning": "context field customer (var:CUSTOMER) is required and missing: the source is not there",
    }
    assert (found["headers"], found["webhook"], found["webhook_form"]) == ([], {}, "")


@pytest.mark.parametrize(
    ("kind", "profile", "header", "webhook"),
    [
        (Message(TO_PBX, On.INVITE, Side.TWILIO), "sip-domain", "X-Customer", None),
        (Message(TO_PBX, On.ANSWER, Side.PBX), "sip-domain", "X-PBX-CUSTOMER", {"SipHeader_X-Customer": "1"}),
        (Message(TO_PBX, On.END, Side.PBX), "sip-domain", "X-PBX-CUSTOMER", {"DialSipHeader_X-Customer": "1"}),
        (Message(TO_PBX, On.PROGRESS, Side.PBX), "sip-domain", "X-PBX-CUSTOMER", {}),
        (Message(TO_TWILIO, On.END, Side.PBX), "sip-domain", "X-PBX-CUSTOMER", {}),
        (Message(TO_TWILIO, On.ANSWER, Side.TWILIO), "sip-domain", "X-Customer", None),
        (INVITE, "elastic-trunk", "X-PBX-CUSTOMER", None),
    ],
)
def test_a_webhook_is_told_where_there_is_one(
    kind: Message, profile: str, header: str, webhook: dict[str, str] | None
) -> None:
    one = Field("customer", parse_locator("var:CUSTOMER"), parse_locator("header:X-Customer"), on=frozenset({kind.on}))
    found = explain(plan(one, profile=profile), message(f"{header}: 1"), kind).as_dict()
    assert found["webhook"] == webhook
    assert (found["webhook_form"] is None) == (webhook is None)
    assert len(found["headers"]) == 1


def test_the_budget_of_a_pbx_is_not_known() -> None:
    assert explain(plan(CUSTOMER), message(), Message(TO_PBX, On.INVITE, Side.TWILIO)).as_dict()["budget"] is None


def test_context_of_a_refer_is_in_its_refer_to() -> None:
    refer = message("Refer-To: <sip:b@h?X-PBX-CUSTOMER=7>", start="REFER sip:a@h SIP/2.0")
    assert explain(plan(CUSTOMER), refer, Message(TO_TWILIO, On.REFER, Side.PBX)).mapped.values == {"customer": "7"}


@pytest.mark.parametrize(
    ("allow", "address"), [(("192.0.2.0/24", "10.0.0.5"), "192.0.2.0"), (("10.0.0.5",), "10.0.0.5"), ((), None)]
)
def test_the_source_is_an_address_that_the_trunk_allows(allow: tuple[str, ...], address: str | None) -> None:
    whole = plan(field("source", "sip:source.address", "header:X-Source", direction=frozenset({TO_TWILIO})))
    trunks = tuple(replace(trunk, allow=tuple(map(ip_network, allow))) for trunk in whole.trunks)
    assert explain(replace(whole, trunks=trunks), message(), INVITE).mapped.values.get("source") == address


@pytest.mark.parametrize("direction", Direction)
def test_a_transfer_to_twilio_tells_the_voice_url(direction: Direction) -> None:
    refer = message("Refer-To: <sip:b@h?X-PBX-CUSTOMER=7>", start="REFER sip:a@h SIP/2.0")
    found = explain(plan(CUSTOMER), refer, Message(direction, On.REFER, Side.PBX)).as_dict()
    assert found["webhook"] == {"SipHeader_X-Customer": "7"}


def test_a_transfer_that_is_passed_on_has_no_parameters_of_its_own() -> None:
    whole = plan(CUSTOMER)
    trunks = tuple(replace(trunk, transfer=TransferMode.RELAY) for trunk in whole.trunks)
    refer = message("Refer-To: <sip:b@h?X-PBX-CUSTOMER=7>", start="REFER sip:a@h SIP/2.0")
    found = explain(replace(whole, trunks=trunks), refer, Message(TO_PBX, On.REFER, Side.PBX)).as_dict()
    assert (found["headers"], found["webhook"]) == ([["X-Customer", "7"]], {})


def test_a_transfer_that_the_trunk_rejects_is_rejected() -> None:
    whole = plan(CUSTOMER)
    trunks = tuple(replace(trunk, transfer=TransferMode.REJECT) for trunk in whole.trunks)
    refer = message("Refer-To: <sip:b@h?X-PBX-CUSTOMER=7>", start="REFER sip:a@h SIP/2.0")
    kind = Message(TO_TWILIO, On.REFER, Side.PBX)
    found = explain(replace(whole, trunks=trunks), refer, kind).as_dict()
    warning = "trunk pbx has transfer: reject"
    assert found["rejected"] == {"code": 603, "reason": "transfer-rejected", "warning": warning}
    assert (found["headers"], found["bytes"]) == ([], 0)
    assert [entry["outcome"] for entry in found["receipt"]] == ["rejected"]


@pytest.mark.parametrize(
    ("direction", "on", "sender"),
    [
        (TO_TWILIO, On.INVITE, Side.PBX),
        (TO_PBX, On.INVITE, Side.TWILIO),
        (TO_TWILIO, On.ANSWER, Side.TWILIO),
        (TO_PBX, On.END, Side.PBX),
        (TO_TWILIO, On.REFER, Side.TWILIO),
    ],
)
def test_a_message_has_a_likely_sender(direction: Direction, on: On, sender: Side) -> None:
    assert likely_sender(direction, on) is sender
