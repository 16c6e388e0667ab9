"""What one side must never see of the other, looked for in all that reached it; and calls that end as calls do."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.process.places import own_host
from tests.process.srtp import STRONG, crypto, new_key, secured
from tests.process.wire import WirePeer, carrying, header, sdp, values

SECRETS = ("X-Private: secret-of-mine", "User-Agent: Secret-PBX/1.0", "Subject: secret", "Organization: Secret Inc.")
"""Of who asks."""
TOLD = (
    "Server: Secret-Server/2.0",
    SECRETS[0],
    'Warning: 399 10.9.8.7 "secret"',
    'Reason: Q.850;cause=21;text="secret"',
    "Error-Info: <sip:secret@10.9.8.7>",
    "Call-Info: <http://10.9.8.7/secret>",
    "Reply-To: <sip:secret@10.9.8.7>",
    "Alert-Info: <http://10.9.8.7/secret>",
)
"""Of who answers."""
ELSEWHERE = own_host()
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
NAME = re.compile(r"^([A-Za-z][\w-]*):", re.MULTILINE)
OURS = {
    *("Via", "Max-Forwards", "From", "To", "Contact", "Call-ID", "CSeq", "Allow", "Supported", "Content-Type"),
    *("Content-Length", "Session-Expires", "Min-SE", "User-Agent", "Session-ID", "Reason"),
}
"""Headers that the gateway has of its own."""

Ending = Callable[[WirePeer, WirePeer, str, str], None]
"""Caller, callee, the INVITE of the one and the INVITE that the other got."""


KEY = new_key()
"""Of whoever encrypts his audio."""


def media_of(peer: WirePeer) -> str:
    """An offer or answer, encrypted if the peer's signalling is."""
    return secured(peer.place.host, crypto(1, STRONG, KEY)) if peer.transport == "TLS" else sdp(peer.place.host)


def assert_nothing_crosses(ours: str, caller: WirePeer, callee: WirePeer, ending: Ending) -> None:
    """Make a call through the gateway at this address, and look into all that either side got of it.

    For addresses, Call-IDs, tags, Vias, Contacts, keys, names of products, headers that no field names.
    """
    invite = caller.invite(*SECRETS, f"P-Asserted-Identity: <sip:secret@{caller.place}>", body=media_of(caller))
    caller.send(invite)
    placed = callee.wait_for("INVITE")
    ending(caller, callee, invite, placed)
    at_callee, at_caller = "".join(callee.received()), "".join(caller.received())
    assert set(ADDRESS.findall(at_callee)) == {ours, callee.place.host}
    assert set(ADDRESS.findall(at_caller)) == {ours, caller.place.host}
    for there, call, message in ((at_callee, invite, placed), (at_caller, placed, invite)):
        assert header(call, "Call-ID") not in there
        assert re.findall(r"tag=([^;>\s]+)", header(call, "From"))[0] not in there
        assert "ecret" not in there
        assert KEY not in there
        assert set(NAME.findall(there)) <= OURS
        assert all(branch not in there for branch in values(call, "Via"))
        assert len(values(message, "Via")) == 1


def answered(caller: WirePeer, callee: WirePeer, invite: str, placed: str) -> None:
    callee.send(callee.reply(placed, "180 Ringing", *TOLD))
    callee.send(callee.reply(placed, "200 OK", *TOLD, body=media_of(callee)))
    callee.wait_for("ACK")
    answer = caller.wait_for_final(invite)
    caller.send(carrying(caller.in_dialog("ACK", invite, answer), *SECRETS))
    bye = carrying(caller.in_dialog("BYE", invite, answer, 2), *SECRETS, TOLD[3])
    caller.send(bye)
    callee.send(callee.reply(callee.wait_for("BYE"), "200 OK", *TOLD))
    caller.wait_for_final(bye)


def cancelled(caller: WirePeer, callee: WirePeer, invite: str, placed: str) -> None:
    callee.send(callee.reply(placed, "180 Ringing", *TOLD))
    caller.wait_for("SIP/2.0 180")
    caller.send(carrying(caller.cancel(invite), *SECRETS, TOLD[3]))
    callee.send(callee.reply(callee.wait_for("CANCEL"), "200 OK", *TOLD))
    callee.send(callee.reply(placed, "487 Secret", *TOLD))
    acknowledge(caller, callee, invite)


def refused(line: str, *headers: str) -> Ending:
    """Refused with this, in the callee's own words."""

    def ending(caller: WirePeer, callee: WirePeer, invite: str, placed: str) -> None:
        callee.send(callee.reply(placed, line, *TOLD, *headers))
        acknowledge(caller, callee, invite)

    return ending


def redirected(caller: WirePeer, callee: WirePeer, invite: str, placed: str) -> None:
    moved = callee.reply(placed, "302 Moved to secret", *TOLD, 'Diversion: <sip:secret@10.9.8.7>;reason="secret"')
    callee.send(moved.replace(callee.contact, f"sip:secret@{ELSEWHERE}"))
    acknowledge(caller, callee, invite)


def acknowledge(caller: WirePeer, callee: WirePeer, invite: str) -> None:
    caller.send(carrying(caller.in_dialog("ACK", invite, caller.wait_for_final(invite)), *SECRETS))
    callee.wait_for("ACK")


ENDINGS: dict[str, Ending] = {
    "answered": answered,
    "cancelled": cancelled,
    "redirected": redirected,
    "challenged": refused("401 Secret", 'WWW-Authenticate: Digest realm="secret.10.9.8.7", nonce="1"'),
    "unknown": refused("404 Secret user"),
    "busy": refused("486 Secret is busy", "Retry-After: 7 (secret)"),
    "not understood": refused("420 Secret", "Unsupported: secret"),
    "out of order": refused("500 Secret"),
    "unavailable": refused("503 Secret", "Retry-After: 7"),
    "declined": refused("603 Secret"),
}
"""Each with what it may not tell the caller."""
