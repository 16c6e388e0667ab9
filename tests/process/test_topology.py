"""What the wire of each side shows of the other: nothing."""

from __future__ import annotations

import re

import pytest

from tests.process.daemon import DIRECTIONS, Gateway
from tests.process.wire import carrying, header, values

SECRETS = ("X-Private: secret-of-mine", "User-Agent: Secret-PBX/1.0", "Subject: secret", "Organization: Secret Inc.")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_side_sees_anything_of_the_other(gateway: Gateway, direction: str) -> None:
    """Addresses, Call-IDs, tags, Vias, Contacts, names of products, headers that no field names: of all messages."""
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite(*SECRETS, f"P-Asserted-Identity: <sip:secret@{caller.place}>")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing", "Server: Secret-Server/2.0", *SECRETS[:1]))
        callee.answer(placed)
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        caller.send(carrying(caller.in_dialog("BYE", invite, answer, 2), *SECRETS))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK", "Server: Secret-Server/2.0"))
        caller.wait_for_final(caller.in_dialog("BYE", invite, answer, 2))
        at_callee, at_caller = "".join(callee.received()), "".join(caller.received())
    ours = gateway.site.gateway.host
    assert set(ADDRESS.findall(at_callee)) == {ours, callee.place.host}
    assert set(ADDRESS.findall(at_caller)) == {ours, caller.place.host}
    for there, call, message in ((at_callee, invite, placed), (at_caller, placed, invite)):
        assert header(call, "Call-ID") not in there
        assert re.findall(r"tag=([^;>\s]+)", header(call, "From"))[0] not in there
        assert "ecret" not in there
        assert all(branch not in there for branch in values(call, "Via"))
        assert len(values(message, "Via")) == 1
