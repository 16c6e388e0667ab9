"""Calls between phones of a real Asterisk and Twilio's side, by SIPp or by hand where a story is unusual."""

from __future__ import annotations

import signal

from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, header, sdp
from tests.real_pbx.exchange import Exchange

CUSTOMER = "X-Know-Customer: C-4711"
RESTART_SECONDS = 30
"""qualify_frequency of the sample, and patience with a busy machine."""


def test_a_phone_calls_twilio(exchange: Exchange) -> None:
    twilio = exchange.gateway.twilio.serve("uas-expect-customer", customer="C-4711")
    exchange.desk.call("uac-call", "-s", "8+15550100", headers=CUSTOMER).finish()
    twilio.finish()
    exchange.gateway.assert_outcomes("to_twilio", "success/completed")


def test_twilio_calls_a_phone(exchange: Exchange) -> None:
    phone = exchange.desk.serve("uas-answer-and-hang-up")
    exchange.gateway.twilio.call("uac-hung-up-on", "-s", "desk", headers="X-CustomerID: C-4711").finish()
    phone.finish()
    exchange.gateway.assert_outcomes("to_pbx", "success/completed")


def test_a_phone_holds_and_resumes(exchange: Exchange) -> None:
    twilio = exchange.gateway.twilio.serve("uas-expect-customer", customer="C-4711")
    exchange.desk.call("uac-hold-and-resume", "-s", "8+15550100", headers=CUSTOMER).finish()
    twilio.finish()
    exchange.gateway.assert_outcomes("to_twilio", "success/completed")


# ---- transfers that a phone asks Asterisk for ----


def transfer(phone: WirePeer, invite: str, target: str) -> None:
    """Ask for it in the dialog of this INVITE, wait until Asterisk says that it is done, and hang up."""
    request = phone.in_dialog_of_callee("REFER", invite, 1)
    phone.send(carrying(request, f"Refer-To: <{target}>", f"Referred-By: <{phone.contact}>"))
    assert phone.wait_for_final(request).startswith("SIP/2.0 202")

    def reports() -> list[str]:
        return [report for report in phone.received("NOTIFY") if "SIP/2.0 200 OK" in report]

    wait_until(reports, "Asterisk made the transfer")
    for report in phone.received("NOTIFY"):
        phone.send(phone.reply(report, "200 OK"))
    phone.send(phone.in_dialog_of_callee("BYE", invite, 2))


def test_a_phone_transfers_twilio_to_another(exchange: Exchange) -> None:
    """Blind: the call goes on at the gateway, and the other phone ends it."""
    bob = exchange.peer("bob").serve("uas-answer-and-hang-up", "-d", "500")
    with exchange.wire_phone("desk") as desk:
        caller = exchange.gateway.twilio.call("uac-hung-up-on", "-s", "desk")
        invite = desk.wait_for("INVITE")
        desk.answer(invite)
        exchange.gateway.wait_for_talking()
        transfer(desk, invite, f"sip:bob@{exchange.office.pbx}")
    bob.finish()
    caller.finish()
    exchange.gateway.assert_outcomes("to_pbx", "success/completed")


def test_a_phone_transfers_twilio_after_a_talk(exchange: Exchange) -> None:
    """Attended: it asks the other phone first, then joins the two."""
    with exchange.wire_phone("desk") as desk, exchange.wire_phone("bob") as bob:
        caller = exchange.gateway.twilio.call("uac-hung-up-on", "-s", "desk")
        invite = desk.wait_for("INVITE")
        desk.answer(invite)
        exchange.gateway.wait_for_talking()

        asking = desk.invite(user="bob")
        desk.send(asking)
        asked = bob.wait_for("INVITE")
        bob.send(bob.reply(asked, "200 OK", body=sdp(bob.place.host)))
        answer = desk.wait_for_final(asking)
        desk.send(desk.in_dialog("ACK", asking, answer))
        bob.wait_for("ACK")

        tags = [header(answer, name).rpartition(";tag=")[2] for name in ("To", "From")]
        replaced = f"{header(answer, 'Call-ID')}%3Bto-tag%3D{tags[0]}%3Bfrom-tag%3D{tags[1]}"
        transfer(desk, invite, f"sip:bob@{exchange.office.pbx}?Replaces={replaced}")
        desk.send(desk.in_dialog("BYE", asking, answer, 2))
        assert exchange.gateway.active_calls()[0]["state"] == "talking"
        bob.send(bob.in_dialog_of_callee("BYE", asked, 1))
        bob.wait_for("SIP/2.0 200")
    caller.finish()
    exchange.gateway.assert_outcomes("to_pbx", "success/completed")


# ---- transfers that Asterisk asks the gateway for ----


def test_the_dialplan_sends_a_caller_back_to_twilio(exchange: Exchange) -> None:
    """Transfer() of a call that Asterisk has just answered: its REFER may be faster than the caller's ACK."""
    gateway = exchange.gateway
    with gateway.wire(gateway.twilio) as target, gateway.wire_caller(gateway.twilio) as caller:
        invite = caller.invite("X-CustomerID: C-4711", user="away")
        caller.send(invite)
        placed = target.wait_for("INVITE")
        assert placed.startswith("INVITE sip:9+15550177@")
        assert header(placed, "X-CustomerID") == "C-4711"
        answer = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, answer))
        target.answer(placed)
        wait_until(lambda: not exchange.ari.channels(), "Asterisk is out of it")
        (call,) = gateway.wait_for_talking()
        record = gateway.ask(f"/calls/{call['id']}")
        assert [(one["by"], one["to_trunk"], one["result"]) for one in record["transfers"]] == [
            ("outbound", "twilio", "completed")
        ]
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        target.send(target.reply(target.wait_for("BYE"), "200 OK"))
    gateway.assert_outcomes("to_pbx", "success/completed")


# ---- a gateway that restarts ----


def test_the_gateway_restarts(exchange: Exchange) -> None:
    """While it drains it still answers OPTIONS, and after it came back Asterisk finds it by itself."""
    gateway = exchange.gateway
    with gateway.wire(gateway.twilio) as twilio, exchange.wire_phone("desk") as desk:
        asking = desk.invite(CUSTOMER, user="8+15550100")
        desk.send(asking)
        placed = twilio.wait_for("INVITE")
        twilio.answer(placed)
        answer = desk.wait_for_final(asking)
        desk.send(desk.in_dialog("ACK", asking, answer))
        gateway.wait_for_talking()
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: gateway.request("/readyz")[0] == 503, "it drains")
        exchange.qualify()
        desk.send(desk.in_dialog("BYE", asking, answer, 2))
        twilio.send(twilio.reply(twilio.wait_for("BYE"), "200 OK"))
    gateway.stop()
    gateway.start()
    wait_until(lambda: exchange.ari.is_reachable("gateway"), "Asterisk found it again", RESTART_SECONDS)
    with exchange.watched(gateway.folder):
        test_a_phone_calls_twilio(exchange)
