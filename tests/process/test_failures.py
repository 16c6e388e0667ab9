"""Calls that do not come about: what the caller is told, and the outcome that is counted."""

from __future__ import annotations

import pytest

from gateway.bridge.outcome import PHRASES, reason_header
from tests.process.daemon import DIRECTIONS, Gateway

CASES = [
    (302, 502, "upstream-error/redirected"),
    (400, 400, "client-error/refused"),
    (401, 502, "upstream-error/unauthorized"),
    (403, 403, "upstream-error/forbidden"),
    (404, 404, "client-error/not-found"),
    (407, 502, "upstream-error/unauthorized"),
    (408, 408, "upstream-error/no-response"),
    (415, 488, "client-error/no-common-codec"),
    (480, 480, "client-error/no-answer"),
    (484, 484, "client-error/not-found"),
    (486, 486, "client-error/busy"),
    (487, 480, "client-error/no-answer"),
    (488, 488, "client-error/no-common-codec"),
    (491, 502, "client-error/refused"),
    (500, 500, "upstream-error/unavailable"),
    (503, 503, "upstream-error/unavailable"),
    (504, 504, "upstream-error/no-response"),
    (600, 600, "client-error/busy"),
    (603, 603, "client-error/declined"),
    (606, 488, "client-error/no-common-codec"),
    (699, 699, "client-error/declined"),
]
"""The callee's answer, the caller's, and the outcome (RFC 3261, section 21; RFC 3326 for Reason)."""


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("code", "answer", "outcome"), CASES, ids=[str(case[0]) for case in CASES])
def test_a_refusal_is_passed_on(gateway: Gateway, direction: str, code: int, answer: int, outcome: str) -> None:
    status_line = f"SIP/2.0 {code} {PHRASES.get(code, 'No')}"
    callee = gateway.callee(direction).serve("uas-refuse", status_line=status_line)
    header = ": ".join(reason_header(code))
    gateway.caller(direction).call("uac-refused", code=str(answer), header=header).finish()
    callee.finish()
    [ended] = gateway.assert_outcomes(direction, outcome)
    assert ended["code"] == code


@pytest.mark.parametrize(("direction", "number"), [("to_twilio", 32201), ("to_pbx", None)])
def test_the_log_has_what_twilio_says_of_a_refusal(gateway: Gateway, direction: str, number: int | None) -> None:
    """Its number and what to do, nothing of the words; the PBX cannot speak for Twilio."""
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite()
        caller.send(invite)
        error = "X-Twilio-Error: 32201 Authentication failure - secret"
        callee.send(callee.reply(callee.wait_for("INVITE"), "403 Forbidden", error))
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        callee.wait_for("ACK")
    [line] = gateway.assert_outcomes(direction, "upstream-error/forbidden")
    assert line.get("twilio_error") == gateway.ask(f"/calls/{line['call']}")["twilio_error"] == number
    assert ("SIP Domain" in line["advice"]) is (number is not None)
    assert "secret" not in str(line)
