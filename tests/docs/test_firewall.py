"""The firewall of the samples, loaded where it harms nobody: whom it silences, and whom it never does."""

from __future__ import annotations

import pytest

from tests.docs.documents import ROOT
from tests.docs.firewalled import Sent, let_through

RULES = ROOT / "config/nftables/gateway.nft"
STRANGER, OTHER_STRANGER = "192.0.2.9", "192.0.2.10"
CALLED = "192.0.2.11"
PBX, TWILIO = "10.0.0.5", "54.172.60.1"
TWILIO_AUDIO, NEIGHBOUR = "168.86.128.7", "10.9.9.9"
FLOOD = 60
LEFT = 10
"""Packets a minute that a stranger has for himself."""
SIP, SIP_OVER_TLS, AUDIO = 5060, 5061, 20000


def test_a_stranger_who_floods_is_silenced() -> None:
    """From then on, on every port of SIP and over TCP too; another stranger has his own ten."""
    assert let_through(
        RULES,
        Sent(STRANGER, SIP, FLOOD),
        Sent(STRANGER, SIP),
        Sent(STRANGER, SIP_OVER_TLS, transport="tcp"),
        Sent(OTHER_STRANGER, SIP, LEFT),
        Sent(STRANGER, SIP_OVER_TLS, FLOOD),
    ) == [LEFT, 0, 0, LEFT, 0]


@pytest.mark.parametrize("peer", [PBX, TWILIO])
def test_a_trunk_is_never_silenced(peer: str) -> None:
    """However much it sends, before and after somebody else is."""
    assert let_through(
        RULES,
        Sent(peer, SIP, FLOOD),
        Sent(STRANGER, SIP, FLOOD),
        Sent(peer, SIP, FLOOD),
        Sent(peer, SIP_OVER_TLS, transport="tcp"),
    ) == [FLOOD, LEFT, FLOOD, 1]


def test_who_answers_our_requests_is_never_silenced() -> None:
    """One that is called and does not call, as a registrar; what it begins itself counts as a stranger's."""
    assert let_through(
        RULES,
        Sent(CALLED, SIP, FLOOD, after="request"),
        Sent(CALLED, SIP, FLOOD),
        Sent(CALLED, SIP, FLOOD, after="request"),
    ) == [FLOOD, LEFT, FLOOD]


def test_an_answer_of_ours_gives_a_stranger_nothing() -> None:
    """The gateway's 403 to the first of his requests makes what comes next no answer to us."""
    assert let_through(RULES, Sent(STRANGER, SIP, FLOOD, after="answer")) == [LEFT - 1]


def test_a_stranger_may_connect_once() -> None:
    assert let_through(RULES, Sent(STRANGER, SIP_OVER_TLS, transport="tcp")) == [1]


def test_audio_comes_from_where_it_should() -> None:
    """A trunk that was called speaks from other addresses than it calls from; a stranger cannot speak into a call."""
    sources = (TWILIO_AUDIO, NEIGHBOUR, STRANGER, TWILIO)
    assert let_through(RULES, *(Sent(source, AUDIO, FLOOD) for source in sources)) == [FLOOD, FLOOD, 0, 0]
