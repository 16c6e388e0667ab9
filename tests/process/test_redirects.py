"""3xx from a trunk with `redirect: follow`: the call goes on at another of its URIs, and nowhere else."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import Place, free_port, own_host
from tests.process.transfers import transferring
from tests.process.waiting import stays_false
from tests.process.wire import WirePeer, header, status

OTHER_PORT: dict[str, int] = {}
ELSEWHERE_SECONDS = 0.3


def configure(tree: Tree, site: Site) -> None:
    OTHER_PORT["twilio"] = free_port(site.twilio.host)
    tree["trunks"]["twilio"] |= {"redirect": "follow"}
    tree["trunks"]["twilio"]["uris"].append(f"sip:{site.twilio.host}:{OTHER_PORT['twilio']}")


def second(gateway: Gateway) -> Place:
    return Place(gateway.site.twilio.host, OTHER_PORT["twilio"])


def test_a_contact_of_the_trunk_is_followed(gateway: Gateway) -> None:
    with (
        gateway.wire_caller(gateway.pbx) as caller,
        gateway.wire(gateway.twilio) as first,
        gateway.wire(gateway.twilio, second(gateway)) as other,
    ):
        invite = caller.invite("X-PBX-CUSTOMER-ID: C-4711")
        caller.send(invite)
        placed = first.wait_for("INVITE")
        contact = f"<sip:agent@{second(gateway)}>"
        first.send(first.reply(placed, "302 Moved Temporarily").replace(f"<{first.contact}>", contact))
        first.wait_for("ACK")
        again = other.wait_for("INVITE")
        assert again.startswith(f"INVITE sip:agent@{second(gateway)} ")
        assert header(again, "X-CustomerID") == "C-4711"
        other.answer(again)
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for_final(invite)))
        gateway.wait_for_talking()
        other.send(other.in_dialog_of_callee("BYE", again))
        caller.send(caller.reply(caller.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_the_target_of_a_transfer_is_as_any_call_of_its_trunk(gateway: Gateway) -> None:
    with (
        transferring(gateway, "caller") as transfer,
        gateway.wire(gateway.twilio, second(gateway)) as other,
    ):
        assert status(transfer.refer()) == 202
        contact = f"sip:agent@{second(gateway)}"
        invite = transfer.target()
        moved = transfer.place.reply(invite, "302 Moved Temporarily")
        transfer.place.send(moved.replace(transfer.place.contact, contact))
        again = other.wait_for("INVITE")
        assert again.startswith(f"INVITE {contact} ")
        other.answer(again)
        transfer.wait_until_told("100 Trying", "200 OK")
        transfer.is_hung_up_on()
        gateway.wait_for_talking()
        other.send(other.in_dialog_of_callee("BYE", again))
        transfer.other.send(transfer.other.reply(transfer.other.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


@pytest.mark.parametrize("direction", ["to_twilio", "to_pbx"])
def test_a_contact_elsewhere_is_not(gateway: Gateway, direction: str) -> None:
    """Also a trunk that says nothing of redirections, the PBX here, is not followed anywhere."""
    elsewhere = Place(own_host(), 5060)
    with (
        gateway.wire_caller(gateway.caller(direction)) as caller,
        gateway.wire(gateway.callee(direction)) as callee,
        WirePeer(gateway.site.gateway, elsewhere) as other,
    ):
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        moved = callee.reply(placed, "302 Moved Temporarily").replace(callee.contact, f"sip:agent@{elsewhere}")
        callee.send(moved)
        final = caller.wait_for_final(invite)
        assert final.startswith("SIP/2.0 502")
        caller.send(caller.in_dialog("ACK", invite, final))
        gateway.assert_outcomes(direction, "upstream-error/redirected")
        assert stays_false(other.received, ELSEWHERE_SECONDS)
