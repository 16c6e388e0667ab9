"""How pjsua2 behaves, where gateway.sip is built on it. Who changes PJSIP's version learns here what changed."""

from __future__ import annotations

import gc
import os
import re
from contextlib import ExitStack
from pathlib import Path

import pjsua2 as pj
import pytest

from tests.pjsip.calls import Calls, RecordingCall, call_with
from tests.pjsip.peer import SDP, Peer
from tests.pjsip.stack import Stack

OTHER_SDP = SDP.replace("192.0.2.9", "198.51.100.4").replace("40000", "50002")


# ---- Rule 2: the Call exists before onIncomingCall returns ----


def test_a_call_that_nobody_takes_is_answered_500() -> None:
    class TakesNothing(pj.Account):
        def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
            pass

    with Stack() as stack, Peer(stack.address) as peer:
        _account = stack.add_account(TakesNothing())
        peer.send(peer.invite())
        stack.poll_until(lambda: peer.find("SIP/2.0 500"))


def test_a_call_that_was_taken_can_be_answered_later() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        invite = peer.invite(headers="X-Customer: 4711\r\n")
        peer.send(invite)
        stack.poll_until(lambda: account.calls)
        stack.poll_for(0.1)
        assert not peer.find("SIP/2.0 5")
        account.calls[0].answer(call_with(180))
        stack.poll_until(lambda: peer.find("SIP/2.0 180"))
        assert account.messages == [invite]


# ---- Rule 3: an exception in a callback ends nothing ----


def test_an_exception_in_a_callback_is_printed_and_forgotten(capfd: pytest.CaptureFixture[str]) -> None:
    class Raises(Calls):
        def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
            super().onIncomingCall(prm)
            raise RuntimeError("a mistake of ours")

    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Raises())
        peer.send(peer.invite())
        stack.poll_until(lambda: account.calls)
        stack.poll_for(0.1)
        assert "RuntimeError: a mistake of ours" in capfd.readouterr().err
        assert [message.start for message in peer.received] == []
        account.calls[0].answer(call_with(180))
        stack.poll_until(lambda: peer.find("SIP/2.0 180"))


# ---- Rule 4: ~Call hangs up whatever call now has its id ----


def test_dropping_a_call_hangs_it_up() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite())
        stack.poll_until(lambda: account.calls)
        account.calls.clear()
        gc.collect()
        stack.poll_until(lambda: peer.find("SIP/2.0 603"))


def test_dropping_an_ended_call_hangs_up_the_call_that_has_its_id_now() -> None:
    with Stack(max_calls=1) as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite())
        stack.poll_until(lambda: account.calls)
        account.calls[0].hangup(call_with(486))
        stack.poll_until(lambda: "DISCONNECTED" in account.calls[0].states)
        stack.poll_until(lambda: peer.find("SIP/2.0 486"))
        peer.send(peer.invite())
        stack.poll_until(lambda: len(account.calls) == 2)
        assert account.calls[0].getId() == account.calls[1].getId()
        del account.calls[0]
        gc.collect()
        stack.poll_until(lambda: peer.find("SIP/2.0 603"))


def test_without_a_place_a_call_may_come_again() -> None:
    with Stack(max_calls=1) as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite())
        stack.poll_until(lambda: account.calls)
        peer.send(peer.invite())
        assert stack.poll_until(lambda: peer.find("SIP/2.0 503")).value("Retry-After") == "5"


# ---- Rule 6: what we write goes out as it is ----


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Note", "one\r\nX-Injected: two"), ("X-Note: one\r\nX-Injected", "two")],
    ids=["in the value", "in the name"],
)
def test_a_line_break_in_a_header_starts_another_header(name: str, value: str) -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        call = RecordingCall(account)
        call.makeCall(peer.uri, call_with(0, (name, value)))
        invite = stack.poll_until(lambda: peer.find("INVITE"))
        assert (invite.value("X-Note"), invite.value("X-Injected")) == ("one", "two")


def test_a_line_break_in_a_reason_starts_a_header() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite())
        stack.poll_until(lambda: account.calls)
        account.calls[0].hangup(call_with(486, reason="Busy\r\nX-Injected: two"))
        response = stack.poll_until(lambda: peer.find("SIP/2.0 486 Busy"))
        assert response.value("X-Injected") == "two"


# ---- Rule 7: where the headers of a response can be read ----


def test_the_headers_of_an_answer_are_there_when_the_call_connects() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        call = RecordingCall(account, sdp=SDP)
        call.makeCall(peer.uri, call_with(0))
        invite = stack.poll_until(lambda: peer.find("INVITE"))
        peer.send(peer.response(invite, "183 Session Progress", headers="X-Stage: early\r\n", body=OTHER_SDP))
        stack.poll_until(lambda: "EARLY" in call.states)
        peer.send(peer.response(invite, "200 OK", headers="X-Stage: answered\r\n", body=OTHER_SDP))
        stack.poll_until(lambda: "CONFIRMED" in call.states)
        read = dict(call.log)
        assert "X-Stage: early" in read["EARLY"]
        assert "X-Stage: answered" in read["CONNECTING"]
        assert read["CONNECTING"].endswith(OTHER_SDP)
        assert read["CONFIRMED"] == ""
        first = next(state for state, message in call.log if "X-Stage: answered" in message)
        assert first == "CONNECTING"


def test_the_headers_of_a_refusal_are_there_when_the_call_ends() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        call = RecordingCall(account)
        call.makeCall(peer.uri, call_with(0))
        invite = stack.poll_until(lambda: peer.find("INVITE"))
        peer.send(peer.response(invite, "486 Busy Here", headers="X-Stage: refused\r\n"))
        stack.poll_until(lambda: "DISCONNECTED" in call.states)
        assert [state for state, message in call.log if "X-Stage: refused" in message][0] == "DISCONNECTED"


# ---- Rule 8: SDP passes through, an answer with small changes ----

AUDIO = "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:{0} telephone-event/8000\r\na=fmtp:{0} 0-16\r\n"


def test_an_offer_passes_through_untouched_and_without_sockets() -> None:
    offer = OTHER_SDP.replace("AVP 0", "AVP 8 0 96 18") + AUDIO.format(96) + "a=x-unknown:1\r\na=sendonly\r\n"
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        before = count_descriptors()
        call = RecordingCall(account, sdp=offer)
        call.makeCall(peer.uri, call_with(0))
        invite = stack.poll_until(lambda: peer.find("INVITE"))
        assert invite.body == offer
        peer.send(peer.response(invite, "200 OK", body=SDP))
        stack.poll_until(lambda: "CONFIRMED" in call.states)
        assert count_descriptors() == before


def answered_through(offer: str, answer: str) -> str:
    """The SDP that a caller gets, when its offer is answered so."""
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        invite = peer.invite(body=offer)
        peer.send(invite)
        stack.poll_until(lambda: account.calls)
        call = account.calls[0]
        call.answer(call_with(200, sdp=answer))
        response = stack.poll_until(lambda: peer.find("SIP/2.0 200"))
        peer.send(peer.acknowledge(invite, response))
        stack.poll_until(lambda: "CONFIRMED" in call.states)
        return response.body


def without_session_id(sdp: str) -> str:
    """PJSIP puts a session id and a version of its own into the origin of an answer."""
    return re.sub(r"^(o=\S+) \d+ \d+ ", r"\1 ", sdp, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "formats",
    ["0", "9", "111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1"],
    ids=["PCMU", "G.722", "Opus"],
)
def test_an_answer_with_one_codec_passes_through(formats: str) -> None:
    offer, answer = (sdp.replace("AVP 0", f"AVP {formats}") for sdp in (SDP, OTHER_SDP))
    assert without_session_id(answered_through(offer, answer)) == without_session_id(answer)


def test_an_answer_keeps_one_codec_and_the_payload_types_of_the_offer() -> None:
    offer = SDP.replace("AVP 0", "AVP 0 8 101") + AUDIO.format(101)
    answer = OTHER_SDP.replace("AVP 0", "AVP 8 0 96") + AUDIO.format(96)
    kept = answered_through(offer, answer)
    assert "m=audio 50002 RTP/AVP 0 101\r\n" in kept
    assert "telephone-event" in kept
    assert "PCMA" not in kept


def test_an_offer_of_nothing_but_codecs_unknown_to_pjsip_is_refused() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite(body=SDP.replace("AVP 0", "AVP 18")))
        stack.poll_until(lambda: peer.find("SIP/2.0 488"))
        assert account.calls == []


def test_early_sdp_is_final() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite())
        stack.poll_until(lambda: account.calls)
        call = account.calls[0]
        call.answer(call_with(183, sdp=OTHER_SDP))
        early = stack.poll_until(lambda: peer.find("SIP/2.0 183")).body
        assert without_session_id(early) == without_session_id(OTHER_SDP)
        with pytest.raises(pj.Error):
            call.answer(call_with(200, sdp=OTHER_SDP))
        call.answer(call_with(200))
        assert stack.poll_until(lambda: peer.find("SIP/2.0 200")).body == early


def count_descriptors() -> int:
    return len(os.listdir(Path("/proc/self/fd")))


# ---- Rule 10: one account for each source ----


class ChoosingEndpoint(pj.Endpoint):
    """Gives a call to the account of the address that it comes from."""

    def __init__(self) -> None:
        super().__init__()
        self.by_source: dict[str, int] = {}

    def onSelectAccount(self, prm: pj.OnSelectAccountParam) -> None:
        prm.accountIndex = self.by_source[prm.rdata.srcAddress.split(":")[0]]


def test_the_source_address_selects_the_account() -> None:
    with (
        Stack(endpoint=ChoosingEndpoint) as stack,
        Peer(stack.address, "127.0.0.2") as first,
        Peer(stack.address, "127.0.0.3") as second,
    ):
        accounts = [stack.add_account(Calls()), stack.add_account(Calls())]
        stack.endpoint.by_source = {"127.0.0.2": accounts[0].getId(), "127.0.0.3": accounts[1].getId()}
        for peer in (second, first):
            peer.send(peer.invite())
        stack.poll_until(lambda: all(account.calls for account in accounts))
        assert [first.uri in accounts[0].messages[0], second.uri in accounts[1].messages[0]] == [True, True]


@pytest.mark.parametrize(
    ("transport", "counts"),
    [
        pytest.param(pj.PJSIP_TRANSPORT_UDP, {"default": 1, "whole": 2, "part": 1}, id="UDP"),
        pytest.param(pj.PJSIP_TRANSPORT_TCP, {"default": 4, "whole": 0, "part": 0}, id="TCP"),
    ],
)
def test_our_stack_selects_the_account_of_the_smallest_network(transport: int, counts: dict[str, int]) -> None:
    """Of those that are assigned for the transport that a request came by; here that is UDP."""
    with Stack(endpoint=pj.Stack) as stack, ExitStack() as peers:
        accounts = {name: stack.add_account(Calls()) for name in counts}
        for name, network in (("part", ("127.0.0.2", "32")), ("whole", ("127.0.0.0", "24"))):
            stack.endpoint.assign(transport, network, accounts[name].getId())
        for source in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.1.2"):
            peer = peers.enter_context(Peer(stack.address, source))
            peer.send(peer.invite())
        stack.poll_until(lambda: sum(len(account.messages) for account in accounts.values()) == sum(counts.values()))
        assert {name: len(account.messages) for name, account in accounts.items()} == counts


def test_a_refusal_with_a_warning_leaves_when_the_callback_returns() -> None:
    class Refuses(Calls):
        def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
            super().onIncomingCall(prm)
            self.calls[-1].answer(call_with(403, ("Warning", '399 gateway "no trunk allows this address"')))

    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Refuses())
        peer.send(peer.invite())
        stack.poll_until(lambda: account.calls)
        response = peer.find("SIP/2.0 403 Forbidden")
        assert response
        assert response.value("Warning") == '399 gateway "no trunk allows this address"'
        assert account.calls[0].states == ["INCOMING", "DISCONNECTED"]


def test_a_peer_that_only_said_100_was_heard() -> None:
    """No callback tells of it: a 100 has no tag in To, so it makes no early dialog (RFC 3261, section 12.1)."""
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        leg = pj.Leg(account)
        leg.place(peer.uri, "", "")
        invite = stack.poll_until(lambda: peer.find("INVITE"))
        assert not leg.isHeard()
        peer.send(peer.response(invite, "100 Trying"))
        stack.poll_until(leg.isHeard)
        assert leg.getInfo().stateText == "CALLING"
