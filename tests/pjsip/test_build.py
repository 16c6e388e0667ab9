"""What the built module allows, shown by what it does. The limits and their reasons: config/pjsip/config_site.h."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pjsua2 as pj
import pytest

from tests.pjsip.calls import Calls, RecordingCall, call_with
from tests.pjsip.peer import Message, Peer
from tests.pjsip.stack import Stack, loopback_transport

LEGS = 4096
TLS_AES_256_GCM_SHA384 = 0x1302  # of TLS 1.3 only


def test_the_version_is_one_we_know() -> None:
    with Stack() as stack:
        version = stack.endpoint.libVersion()
    assert (version.major, version.minor) >= (2, 17)
    assert importlib.metadata.version("gateway-pjsip").startswith(f"{version.full}+gw.")


def test_pjsip_is_inside_the_module() -> None:
    """It needs no LD_LIBRARY_PATH, and no library of another PJSIP can get in its way."""
    loaded = {Path(line.split()[-1]).name for line in Path("/proc/self/maps").read_text().splitlines()}
    assert any(name.startswith("_pjsua2.") for name in loaded)
    assert not any(name.startswith("libpj") for name in loaded)


def test_tls_is_there_with_todays_ciphers() -> None:
    with Stack() as stack:
        transport = stack.endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, loopback_transport())
        assert stack.endpoint.transportGetInfo(transport).type == pj.PJSIP_TRANSPORT_TLS
        assert TLS_AES_256_GCM_SHA384 in stack.endpoint.utilSslGetAvailableCiphers()


def test_srtp_is_offered_when_it_is_asked_for() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        config = pj.AccountConfig()
        config.idUri = "sip:gateway@127.0.0.1"
        config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        config.mediaConfig.srtpSecureSignaling = 0
        account = Calls()
        account.create(config)
        call = RecordingCall(account)
        call.makeCall(peer.uri, call_with(0))
        offer = stack.poll_until(lambda: peer.find("INVITE")).body
        assert "RTP/SAVP" in offer
        assert "AES_CM_128_HMAC_SHA1_80" in offer


def test_the_codecs_are_those_of_telephony() -> None:
    with Stack() as stack:
        codecs = {codec.codecId for codec in stack.endpoint.codecEnum2()}
    assert codecs == {"PCMU/8000/1", "PCMA/8000/1", "G722/16000/1", "opus/48000/2"}


@pytest.mark.timeout(60)
def test_as_many_legs_as_the_limit_says() -> None:
    # The limit is met by asking for more: libInit takes the most it has.
    with Stack(max_calls=LEGS + 1000) as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        calls = [RecordingCall(account) for _ in range(LEGS)]
        for call in calls:
            call.makeCall(peer.uri, call_with(0))
        with pytest.raises(pj.Error) as refused:
            RecordingCall(account).makeCall(peer.uri, call_with(0))
        assert "PJ_ETOOMANY" in refused.value.reason


def test_an_invite_of_60_000_bytes_is_read_whole() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        invite = peer.invite(headers=f"X-Big: {'v' * 59_000}\r\n")
        assert len(invite) > 59_000
        peer.send(invite)
        stack.poll_until(lambda: account.calls)
        assert account.messages == [invite]


def test_300_headers_and_long_names_are_read_whole() -> None:
    names = [*(f"X-Header-{number}" for number in range(300)), "X-" + "N" * 200]
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite(headers="".join(f"{name}: of {name}\r\n" for name in names)))
        stack.poll_until(lambda: account.calls)
        read = Message(account.messages[0])
        assert [read.value(name) for name in names] == [f"of {name}" for name in names]


def test_300_headers_and_60_000_bytes_are_written_whole() -> None:
    headers = [(f"X-Header-{number}", "v" * 100) for number in range(300)] + [("X-Big", "b" * 28_000)]
    pj.sipSwitchLargeRequestsToTcp(False)
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        call = RecordingCall(account)
        call.makeCall(peer.uri, call_with(0, *headers))
        invite = stack.poll_until(lambda: peer.find("INVITE"))
        assert len(invite.text) > 60_000
        assert [header for header in invite.headers if header[0].startswith("X-")] == headers


def test_a_request_larger_than_any_packet_is_refused_and_never_leaves() -> None:
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        call = RecordingCall(account)
        with pytest.raises(pj.Error) as refused:
            call.makeCall(peer.uri, call_with(0, ("X-Big", "v" * 66_000)))
        assert "PJSIP_EMSGTOOLONG" in refused.value.reason
        # The callback comes before the exception.
        assert call.states == ["DISCONNECTED"]
        stack.poll_for(0.1)
        assert not peer.find("")


def test_large_requests_leave_by_udp_when_they_may() -> None:
    pj.sipSwitchLargeRequestsToTcp(False)
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        call = RecordingCall(account)
        call.makeCall(peer.uri, call_with(0, ("X-Big", "v" * 3_000)))
        assert stack.poll_until(lambda: peer.find("INVITE")).value("Via").startswith("SIP/2.0/UDP")


@pytest.mark.parametrize("length", [2_000, 20_000])
def test_a_long_request_uri_is_read_whole(length: int) -> None:
    uri = f"sip:{'u' * length}@gateway"
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        peer.send(peer.invite(uri=uri))
        stack.poll_until(lambda: account.calls)
        account.calls[0].answer(call_with(180))
        stack.poll_until(lambda: peer.find("SIP/2.0 180"))
        assert Message(account.messages[0]).start == f"INVITE {uri} SIP/2.0"


def test_transaction_timers_can_be_set() -> None:
    pj.sipSetTransactionTimers(100, 200, 200, 400)
    with Stack() as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls())
        call = RecordingCall(account)
        call.makeCall(peer.uri, call_with(0))
        stack.poll_until(lambda: "DISCONNECTED" in call.states, seconds=2)
