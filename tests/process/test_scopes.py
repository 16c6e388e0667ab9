"""Context on responses and at the end of a call: each field on the messages it names, and on no other."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.waiting import wait_until
from tests.process.wire import header, sdp


def configure(tree: Tree, site: Site) -> None:
    def back(name: str, *messages: str) -> Tree:
        return {"twilio": f"header:{name}", "pbx": f"header:{name}", "direction": "to_twilio", "on": list(messages)}

    tree["context"] = {
        "fields": {
            "stage": back("X-Stage", "progress"),
            "agent": back("X-Agent", "answer"),
            "disposition": back("X-Disposition", "end"),
            "call_sid": {
                "twilio": "header:X-Twilio-CallSid",
                "pbx": "var:SID",
                "direction": "to_twilio",
                "on": ["answer"],
            },
        }
    }


ALL = ("X-Stage: one", "X-Agent: two", "X-Disposition: three", "X-Twilio-CallSid: CA1", "X-Unmapped: four")


def seen(message: str) -> dict[str, str]:
    names = ("X-Stage", "X-Agent", "X-Disposition", "X-PBX-SID", "X-Twilio-CallSid", "X-Unmapped")
    return {name: header(message, name) for name in names if f"\n{name}:" in message}


def test_each_message_carries_its_own_fields(gateway: Gateway) -> None:
    with gateway.wire(gateway.twilio) as callee, gateway.wire_caller(gateway.pbx) as caller:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing", *ALL))
        assert seen(caller.wait_for("SIP/2.0 180")) == {"X-Stage": "one"}
        callee.send(callee.reply(placed, "200 OK", *ALL, body=sdp(callee.place.host)))
        answer = caller.wait_for("SIP/2.0 200")
        assert seen(answer) == {"X-Agent": "two", "X-PBX-SID": "CA1"}
        caller.send(caller.in_dialog("ACK", invite, answer))
        callee.wait_for("ACK")
        callee.send(callee.in_dialog_of_callee("BYE", placed, 5).replace("\r\n\r\n", "\r\nX-Disposition: sold\r\n\r\n"))
        bye = caller.wait_for("BYE")
        assert seen(bye) == {"X-Disposition": "sold"}
        caller.send(caller.reply(bye, "200 OK"))
    gateway.assert_outcomes("to_twilio", "success/completed")
    [ended] = wait_until(gateway.ended_calls, "the call has ended")
    receipt = gateway.ask(f"/calls/{ended['call']}")["receipt"]
    assert [(entry["field"], entry["on"], entry["outcome"]) for entry in receipt] == [
        ("stage", "progress", "sent"),
        ("agent", "answer", "sent"),
        ("call_sid", "answer", "sent"),
        ("disposition", "end", "sent"),
    ]


@pytest.mark.parametrize("sent_before", ["the 200", "the ACK"])
def test_a_bye_before_the_callers_ack_keeps_its_context(gateway: Gateway, sent_before: str) -> None:
    with gateway.wire(gateway.twilio) as callee, gateway.wire_caller(gateway.pbx) as caller:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "200 OK", body=sdp(callee.place.host)))
        if sent_before == "the ACK":
            caller.wait_for("SIP/2.0 200")
        callee.send(callee.in_dialog_of_callee("BYE", placed, 5).replace("\r\n\r\n", "\r\nX-Disposition: sold\r\n\r\n"))
        callee.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for("SIP/2.0 200")))
        bye = caller.wait_for("BYE")
        assert seen(bye) == {"X-Disposition": "sold"}
        caller.send(caller.reply(bye, "200 OK"))
    gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_refusal_carries_what_is_for_the_end(gateway: Gateway) -> None:
    with gateway.wire(gateway.twilio) as callee, gateway.wire_caller(gateway.pbx) as caller:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing", *ALL))
        caller.wait_for("SIP/2.0 180")
        callee.send(callee.reply(placed, "486 Busy Here", *ALL))
        final = caller.wait_for_final(invite)
        assert seen(final) == {"X-Disposition": "three"}
        caller.send(caller.in_dialog("ACK", invite, final))
    gateway.assert_outcomes("to_twilio", "client-error/busy")
