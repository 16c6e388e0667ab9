"""Who calls, on the wire: what each side is told of the other's callers, and what nobody is believed."""

from __future__ import annotations

import pytest

from tests.process.bystander import bystander
from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.wire import header, values

PRIVATE_HOST = "10.99.99.99"
SAID = (
    f'P-Asserted-Identity: "Alice" <sip:+15550101@{PRIVATE_HOST}>, <tel:+15550101>',
    f"Remote-Party-ID: <sip:+15550102@{PRIVATE_HOST}>;party=calling",
    f"Diversion: <sip:+15550104@{PRIVATE_HOST}>;reason=no-answer",
    "X-Twilio-VerStat: TN-Validation-Passed-A",
)
NAMES = ("P-Asserted-Identity", "Remote-Party-ID", "Diversion", "Privacy")
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
UNBELIEVED = "gateway_unbelieved_headers_total"
HIDDEN = "gateway_hidden_callers_total"


def configure(tree: Tree, site: Site) -> None:
    tree["trunks"]["pbx"]["identity"] = {"send": ["asserted", "remote-party", "diversion"]}
    tree["trunks"]["twilio"]["identity"] = {"send": ["diversion"], "caller": "asserted"}
    tree["context"] = {
        "fields": {
            "asserted": {"pbx": "sip:pai.user", "twilio": "header:X-Asserted", "direction": "to_twilio"},
            "verdict": {"twilio": "header:X-Twilio-VerStat", "pbx": "header:X-Verdict", "direction": "to_pbx"},
        }
    }


def not_believing(tree: Tree, site: Site) -> None:
    configure(tree, site)
    tree["trunks"]["pbx"]["identity"] = {"believe": False}
    del tree["trunks"]["twilio"]["identity"]


def placed(gateway: Gateway, direction: str, *said: str) -> str:
    """What the callee gets of a caller who says this; the callee refuses."""
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite(*said)
        caller.send(invite)
        arrived = callee.wait_for("INVITE")
        callee.send(callee.reply(arrived, "486 Busy Here"))
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for_final(invite)))
        assert PRIVATE_HOST not in "".join(callee.received())
    gateway.assert_outcomes(direction, "client-error/busy")
    return arrived


def caller_in(message: str) -> str:
    return header(message, "From").partition(";tag=")[0]


def test_a_trusted_side_is_told_who_is_asserted_from_our_host(gateway: Gateway) -> None:
    message = placed(gateway, "to_pbx", *SAID)
    ours = gateway.site.gateway.host
    assert caller_in(message) == f"<sip:wire@{ours}>"
    assert [values(message, name) for name in NAMES] == [
        [f'"Alice" <sip:+15550101@{ours}>'],
        [f'"Alice" <sip:+15550101@{ours}>;party=calling;screen=yes;privacy=off'],
        [f"<sip:+15550104@{ours}>;reason=no-answer"],
        [],
    ]
    assert values(message, "X-Verdict") == ["TN-Validation-Passed-A"]
    assert gateway.counted(UNBELIEVED) == gateway.counted(HIDDEN) == 0


def test_a_trusted_side_is_told_what_is_private_and_that_it_is(gateway: Gateway) -> None:
    message = placed(gateway, "to_pbx", *SAID, "Privacy: id")
    assert values(message, "Privacy") == ["id"]
    assert header(message, "Remote-Party-ID").endswith(";privacy=full")
    assert "+15550101" in header(message, "P-Asserted-Identity")


def test_an_untrusted_side_is_told_nothing_that_is_asserted(gateway: Gateway) -> None:
    """From can be who is asserted, if the trunk's setting says so: that is a number, and no assertion."""
    message = placed(gateway, "to_twilio", *SAID)
    ours = gateway.site.gateway.host
    assert caller_in(message) == f"<sip:+15550101@{ours}>"
    assert [values(message, name) for name in NAMES] == [[], [], [f"<sip:+15550104@{ours}>;reason=no-answer"], []]
    assert values(message, "X-Asserted") == ["+15550101"]


@pytest.mark.parametrize("privacy", ["id", "user", "header;critical"])
def test_to_an_untrusted_side_who_hides_is_nobody(gateway: Gateway, privacy: str) -> None:
    message = placed(gateway, "to_twilio", SAID[1], SAID[2], f"Privacy: {privacy}")
    assert caller_in(message) == ANONYMOUS
    assert [values(message, name) for name in NAMES] == [[], [], [], []]
    assert not any(secret in message for secret in ("wire@1", "+1555"))
    assert gateway.counted(HIDDEN, trunk="twilio") == 1


def test_only_twilio_speaks_as_twilio(gateway: Gateway) -> None:
    """A PBX that does has its call all the same, and so has a call that is up."""
    with bystander(gateway, "to_pbx"):
        message = placed(gateway, "to_twilio", "X-Twilio-VerStat: TN-Validation-Passed-A", "x-twilio-callsid: CA1")
    assert "\r\nx-twilio-" not in message.lower()
    assert gateway.counted(UNBELIEVED, trunk="pbx", header="X-Twilio-*") == gateway.counted(UNBELIEVED) == 1


def test_what_an_untrusted_side_asserts_is_not_believed(start_gateway: StartGateway) -> None:
    """Nor that it is Twilio; the log says what to do about either, and a call that is up goes on."""
    gateway = start_gateway(not_believing)
    with bystander(gateway, "to_pbx"):
        message = placed(gateway, "to_twilio", *SAID)
    assert caller_in(message) == f"<sip:wire@{gateway.site.gateway.host}>"
    assert [values(message, name) for name in (*NAMES, "X-Asserted")] == [[], [], [], [], []]
    for name in ("P-Asserted-Identity", "Remote-Party-ID", "Diversion", "X-Twilio-*"):
        assert gateway.counted(UNBELIEVED, trunk="pbx", header=name) == 1
    lines = gateway.told(4, msg="header not believed", level="WARNING", trunk="pbx")
    advice = {line["header"]: line["advice"] for line in lines}
    assert "only Twilio sends these" in advice.pop("X-Twilio-*")
    assert advice == dict.fromkeys(NAMES[:3], "set identity.believe of the trunk if it may say who calls")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_hostile_identities_are_harmless(gateway: Gateway, direction: str) -> None:
    many = ", ".join(f"<sip:{number}@{PRIVATE_HOST}>" for number in range(500))
    placed(
        gateway,
        direction,
        f"P-Asserted-Identity: <sip:%0d%0aX-Evil:1@{PRIVATE_HOST}>, nonsense, <sip:{'9' * 5000}@{PRIVATE_HOST}>",
        f"Diversion: {many}",
        'Diversion: "',
        "Privacy: " + ";" * 1000,
    )
