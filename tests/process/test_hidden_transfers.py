"""Who is transferred, on the wire: the target's trunk is told what its trust allows, and so is who is asked for it."""

from __future__ import annotations

from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.test_identity import ANONYMOUS, HIDDEN, NAMES, PRIVATE_HOST, SAID, caller_in
from tests.process.transfers import Transfer, transferring
from tests.process.wire import carrying, header, status, values

ASSERTED = SAID[:3]
SECRETS = ("+1555", "Alice", PRIVATE_HOST)
TARGET = "sip:2000@elsewhere.example"


def configure(tree: Tree, site: Site) -> None:
    """The PBX is trusted, Twilio is not."""
    tree["trunks"]["pbx"]["identity"] = {"send": ["asserted", "remote-party", "diversion"]}
    tree["trunks"]["twilio"]["identity"] = {"send": ["diversion"], "caller": "asserted"}


def relaying(tree: Tree, site: Site) -> None:
    configure(tree, site)
    tree["trunks"]["pbx"]["transfer"] = "relay"


def complete(transfer: Transfer) -> str:
    """The transfer and the call after it, which the caller ends; the INVITE of the target."""
    assert status(transfer.refer(TARGET)) == 202
    invite = transfer.target()
    transfer.place.answer(invite)
    transfer.wait_until_told("100 Trying", "200 OK")
    transfer.is_hung_up_on()
    transfer.leave("caller")
    transfer.place.send(transfer.place.reply(transfer.place.wait_for("BYE"), "200 OK"))
    return invite


def named(message: str) -> list[list[str]]:
    return [values(message, name) for name in NAMES]


def test_to_an_untrusted_target_who_hides_is_nobody(gateway: Gateway) -> None:
    """Twilio calls the PBX, which sends the caller back to another of Twilio: INVITE, ACK and BYE say nothing."""
    with transferring(gateway, "callee", *ASSERTED, "Privacy: id", direction="to_pbx") as transfer:
        assert values(transfer.talk.placed, "Privacy") == ["id"]
        assert "+15550101" in header(transfer.talk.placed, "P-Asserted-Identity")
        invite = complete(transfer)
        gateway.assert_outcomes("to_pbx", "success/completed")
        assert named(invite) == [[], [], [], []]
        assert "wire@" not in invite
        there = transfer.place.received()
        assert {caller_in(message) for message in there} == {ANONYMOUS}
        assert not any(secret in "".join(there) for secret in SECRETS)
        assert gateway.counted(HIDDEN, trunk="twilio") == 1


def test_an_untrusted_target_is_told_a_number_and_no_assertion(gateway: Gateway) -> None:
    with transferring(gateway, "callee", *ASSERTED, direction="to_pbx") as transfer:
        invite = complete(transfer)
        gateway.assert_outcomes("to_pbx", "success/completed")
        assert caller_in(invite) == f"<sip:+15550101@{gateway.site.gateway.host}>"
        assert named(invite) == [[], [], [], []]


def test_a_trusted_target_is_told_who_it_is_and_that_it_is_private(gateway: Gateway) -> None:
    with transferring(gateway, "callee", *ASSERTED, "Privacy: id") as transfer:
        assert caller_in(transfer.talk.placed) == ANONYMOUS
        invite = complete(transfer)
        gateway.assert_outcomes("to_twilio", "success/completed")
        ours = gateway.site.gateway.host
        assert values(invite, "P-Asserted-Identity") == [f'"Alice" <sip:+15550101@{ours}>']
        assert values(invite, "Privacy") == ["id"]
        assert header(invite, "Remote-Party-ID").endswith(";privacy=full")


def test_a_refer_that_is_passed_on_says_nothing_of_who_hides(start_gateway: StartGateway) -> None:
    """Neither of who is transferred nor of who says that it asked for that."""
    with transferring(start_gateway(relaying), "caller", *ASSERTED, "Privacy: id") as transfer:
        request = transfer.talk.request("caller", "REFER", 21)
        said = (f"Refer-To: <{TARGET}>", f"Referred-By: <sip:+15550101@{PRIVATE_HOST}>", *ASSERTED)
        transfer.asks.send(carrying(request, *said))
        refer = transfer.other.wait_for("REFER")
        assert caller_in(refer) == ANONYMOUS
        assert named(refer) == [[], [], [], []]
        assert not any(secret in refer for secret in (*SECRETS, transfer.asks.place.host))
        transfer.other.send(transfer.other.reply(refer, "603 Decline"))
        assert status(transfer.asks.wait_for_final(request)) == 603
        transfer.talk.hang_up()
