"""Context through a running gateway: what arrives, what does not, and what operators see of it."""

from __future__ import annotations

import pytest

from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.waiting import wait_until

CUSTOMER = "C-4711 Zoë"
UUI_HEX = "caller=Zoë".encode().hex().upper()
SECRET = "4111111111111111"
MAX_BYTES = 32

SENDER_HEADER = {"to_twilio": "X-PBX-CUSTOMER-ID", "to_pbx": "X-CustomerID"}
DECODED = {"to_twilio": "told_twilio", "to_pbx": "told_pbx"}
"""The field that takes a User-to-User payload out of its hex and puts it into a header."""
EXPECTING = {"to_twilio": "uas-expect-context-at-twilio", "to_pbx": "uas-expect-context-at-pbx"}


def configure(tree: Tree, site: Site) -> None:
    tree["context"] = {
        "missing": "reject",
        "fields": {
            "customer_id": {
                "pbx": "var:CUSTOMER_ID",
                "twilio": "header:X-CustomerID",
                "required": True,
                "max_bytes": MAX_BYTES,
            },
            "queue": {"pbx": "header:X-Queue", "twilio": "header:X-Queue", "default": "general"},
            "note": {"pbx": "uui", "twilio": "uui"},
            "told_twilio": {"pbx": "uui", "twilio": "header:X-Note", "direction": "to_twilio"},
            "told_pbx": {"twilio": "uui", "pbx": "header:X-Note", "direction": "to_pbx"},
            "card": {"pbx": "header:X-Card", "twilio": "header:X-Card", "class": "secret"},
            "count": {"pbx": "header:X-Count", "twilio": "header:X-Count", "type": "integer"},
        },
    }


def uui(payload: str) -> str:
    """A header whose payload is only seen once it is decoded."""
    return f"User-to-User: {payload.encode().hex()};encoding=hex"


def headers(direction: str, *more: str, customer: str = CUSTOMER) -> str:
    return "\n".join((f"{SENDER_HEADER[direction]}: {customer}", *more))


def receipt(gateway: Gateway) -> dict[str, Tree]:
    """What became of each field of the only call of this test, as the admin interface says."""
    [ended] = wait_until(gateway.ended_calls, "the call has ended")
    record = gateway.ask(f"/calls/{ended['call']}")
    return {entry["field"]: entry for entry in record["receipt"]}


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_context_arrives_and_nothing_else(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve(
        EXPECTING[direction], customer=CUSTOMER, queue="billing", uui=f"{UUI_HEX};encoding=hex"
    )
    sent = headers(
        direction,
        "x-queue: billing",
        f"User-to-User: {UUI_HEX.lower()};encoding=hex",
        "X-Unmapped: no field names it",
        "X-Twilio-CallSid: CA00000000000000000000000000000000",
        "P-Asserted-Identity: <sip:somebody@example.com>",
    )
    gateway.caller(direction).call("uac-call", headers=sent).finish()
    callee.finish()
    gateway.assert_outcomes(direction, "success/completed")
    entries = receipt(gateway)
    assert {name: entry["outcome"] for name, entry in entries.items()} == {
        "customer_id": "sent",
        "queue": "sent",
        "note": "sent",
        DECODED[direction]: "sent",
        "card": "absent",
        "count": "absent",
    }
    assert entries["queue"] == {
        "field": "queue",
        "direction": direction,
        "on": "invite",
        "source": "header:X-Queue",
        "target": "header:X-Queue",
        "outcome": "sent",
        "bytes": len("X-Queue") + len("billing"),
        "reason": None,
    }
    for name, entry in entries.items():
        labels = {"field": name, "direction": direction, "on": "invite", "outcome": entry["outcome"]}
        assert gateway.counted("gateway_context_fields_total", **labels) == 1


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_default_is_sent(gateway: Gateway, direction: str) -> None:
    sent = headers(direction, f"User-to-User: {UUI_HEX}")
    keys = {"customer": CUSTOMER, "queue": "general", "uui": f"{UUI_HEX};encoding=hex"}
    callee = gateway.callee(direction).serve(EXPECTING[direction], **keys)
    gateway.caller(direction).call("uac-call", headers=sent).finish()
    callee.finish()
    gateway.assert_outcomes(direction, "success/completed")
    assert receipt(gateway)["queue"]["outcome"] == "defaulted"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_required_field_that_is_missing(gateway: Gateway, direction: str) -> None:
    locator = {"to_twilio": "var:CUSTOMER_ID", "to_pbx": "header:X-CustomerID"}[direction]
    warning = f'Warning: 399 gateway "context field customer_id ({locator}) is required and missing'
    gateway.caller(direction).call("uac-refused", code="400", header=warning).finish()
    gateway.assert_outcomes(direction, "client-error/missing-context")
    entries = receipt(gateway)
    assert entries["customer_id"]["outcome"] == "missing"
    assert entries["queue"]["outcome"] == "rejected"


BAD_VALUES = {
    "CR LF in UUI": (uui("evil\r\nX-Evil: 1"), None),
    "LF in UUI": (uui("evil\nX-Evil: 1"), None),
    "NUL in UUI": (uui("evil\0"), None),
    "nothing but line ends in UUI": (uui("\r\n\r\n"), None),
    "octets in UUI that are not UTF-8": ("User-to-User: FFFE;encoding=hex", None),
    "hex that is none": ("User-to-User: XYZ;encoding=hex", None),
    "a word for a number": ("X-Count: seven", "count"),
    "a control character": ("X-Queue: \x07bell", "queue"),
}
"""A header and the field that must not take it over; None: the one that decodes User-to-User."""


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("header", "field"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_value_that_may_not_leave(gateway: Gateway, direction: str, header: str, field: str | None) -> None:
    field = field or DECODED[direction]
    with gateway.wire(gateway.callee(direction)) as callee:
        caller = gateway.caller(direction).call("uac-call", headers=headers(direction, header))
        invite = callee.wait_for("INVITE")
        callee.answer(invite)
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        caller.finish()
        for name in ("evil", "x-note", "x-count", "bell"):
            assert name not in invite.lower()
        entry = receipt(gateway)[field]
        assert (entry["outcome"], entry["bytes"]) == ("invalid", 0)
        assert entry["reason"]
        labels = {"field": field, "direction": direction, "outcome": "invalid"}
        assert gateway.counted("gateway_context_fields_total", **labels) == 1
        gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_value_that_is_too_long(gateway: Gateway, direction: str) -> None:
    """It is dropped; as it is required, the call is refused, and the text says sizes and no value."""
    sent = headers(direction, customer="4" * (MAX_BYTES + 1))
    gateway.caller(direction).call(
        "uac-refused", code="400", header='Warning: 399 gateway "context', headers=sent
    ).finish()
    gateway.assert_outcomes(direction, "client-error/missing-context")
    entry = receipt(gateway)["customer_id"]
    assert (entry["outcome"], entry["reason"]) == ("dropped", f"{MAX_BYTES + 1} bytes, {MAX_BYTES} allowed (max_bytes)")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_values_are_for_the_record_only(gateway: Gateway, direction: str) -> None:
    """Not for the log, not for metrics; a secret not even for the record."""
    callee = gateway.callee(direction).serve("uas-answer")
    sent = headers(direction, f"X-Card: {SECRET}", "X-Queue: billing-desk", customer="Zaphod-42")
    gateway.caller(direction).call("uac-call", headers=sent).finish()
    callee.finish()
    [ended] = gateway.assert_outcomes(direction, "success/completed")
    record = gateway.request(f"/calls/{ended['call']}")[1]
    assert "Zaphod-42" in record
    assert SECRET not in record
    told = gateway.log_path.read_text() + gateway.request("/metrics")[1] + gateway.request("/calls")[1]
    for value in (SECRET, "billing-desk", "Zaphod-42", CUSTOMER, "+15551230000"):
        assert value not in told
