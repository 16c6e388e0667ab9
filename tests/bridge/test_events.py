"""What a leg reports, as the leg of the role that it plays by now."""

from __future__ import annotations

import pytest

from gateway.bridge.events import (
    Event,
    Glare,
    HoldChanged,
    InboundConfirmed,
    InboundEnded,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    ReferReceived,
    TargetAnswered,
    TargetEnded,
    TargetProgress,
    believed,
    message_of,
    seen_as,
)
from gateway.bridge.terms import Role
from gateway.core.message import SipMessage
from tests.bridge.samples import plan, response

RINGING, ANSWER, REFUSAL = response(180), response(200), response(486)


@pytest.mark.parametrize(
    ("reported", "role", "seen"),
    [
        pytest.param(OutboundProgress(180, RINGING), Role.OUTBOUND, OutboundProgress(180, RINGING), id="it rings"),
        pytest.param(OutboundProgress(180, RINGING), Role.TARGET, TargetProgress(180, RINGING), id="a target rings"),
        pytest.param(InboundEnded(487, True, None), Role.INBOUND, InboundEnded(487, True, None), id="who calls leaves"),
        pytest.param(OutboundAnswered(ANSWER), Role.OUTBOUND, OutboundAnswered(ANSWER), id="it answers"),
        pytest.param(OutboundAnswered(ANSWER), Role.TARGET, TargetAnswered(ANSWER), id="a target answers"),
        pytest.param(
            OutboundEnded(486, True, REFUSAL), Role.TARGET, TargetEnded(486, True, REFUSAL), id="a target refuses"
        ),
        pytest.param(
            InboundEnded(200, True, None), Role.TARGET, TargetEnded(200, True, None), id="who was sent away leaves"
        ),
        pytest.param(
            OutboundEnded(200, True, None), Role.INBOUND, InboundEnded(200, True, None), id="who took the place leaves"
        ),
        pytest.param(HoldChanged(Role.OUTBOUND, True), Role.INBOUND, HoldChanged(Role.INBOUND, True), id="it holds"),
        pytest.param(Glare(Role.INBOUND, 2.0), Role.OUTBOUND, Glare(Role.OUTBOUND, 2.0), id="offers meet"),
        pytest.param(
            ReferReceived(Role.OUTBOUND, ANSWER), Role.INBOUND, ReferReceived(Role.INBOUND, ANSWER), id="it transfers"
        ),
        pytest.param(InboundConfirmed(), Role.TARGET, InboundConfirmed(), id="what has no role"),
    ],
)
def test_a_report_is_of_the_role_that_its_leg_plays(reported: Event, role: Role, seen: Event) -> None:
    assert seen_as(reported, role) == seen


@pytest.mark.parametrize(
    ("event", "message"),
    [
        pytest.param(OutboundAnswered(ANSWER), ANSWER, id="an answer"),
        pytest.param(OutboundAnswered(None), None, id="one that nobody reads"),
        pytest.param(InboundConfirmed(), None, id="an event that has none"),
    ],
)
def test_what_says_nothing_of_callers_is_believed_as_it_is(event: Event, message: SipMessage | None) -> None:
    for trunk in plan().trunks:
        assert believed(event, trunk) == (event, ())
    assert message_of(event) is message
