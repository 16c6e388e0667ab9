"""SRTP by trunk: what is offered, taken and refused, and audio between an encrypted leg and a plain one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.process.bystander import unharmed
from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.line import DESCRIBED_IN, METHODS, Line
from tests.process.rtp import PCMU, RtpEnd, hear_each_other, open_path, rtp_place, sdp_at, sound, talk_spurt
from tests.process.srtp import SHORT, STRONG, SrtpEnd, crypto, cryptos, new_key, secured
from tests.process.talk import talk_between, talking
from tests.process.wire import WirePeer, sdp, status

KEY = new_key()


def configure(tree: Tree, site: Site) -> None:
    """Twilio's audio is encrypted, the PBX's may be."""
    tree["trunks"]["twilio"]["srtp"] = "required"
    tree["trunks"]["pbx"]["srtp"] = "optional"


@pytest.mark.parametrize("suite", [STRONG, SHORT])
def test_audio_between_a_plain_leg_and_an_encrypted_one(gateway: Gateway, suite: str) -> None:
    """The PBX calls; Twilio takes either of the two suites that it is offered, the longer tag first."""
    key = new_key()
    with (
        gateway.wire_caller(gateway.pbx) as caller,
        gateway.wire(gateway.twilio) as callee,
        RtpEnd(caller.place.host) as plain,
        SrtpEnd(callee.place.host) as encrypted,
    ):
        invite = caller.invite(body=sdp_at(plain.place))
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        assert " RTP/SAVP 0 8" in placed
        offered = cryptos(placed)
        assert [(tag, name) for tag, name, _ in offered] == [("1", STRONG), ("2", SHORT)]
        tag, _, theirs = next(line for line in offered if line[1] == suite)
        answer_sdp = sdp_at(encrypted.place, secured(callee.place.host, crypto(int(tag), suite, key)))
        callee.send(callee.reply(placed, "200 OK", body=answer_sdp))
        answer = caller.wait_for("SIP/2.0 200")
        assert " RTP/AVP 0" in answer
        assert cryptos(answer) == []
        caller.send(caller.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        plain.to, encrypted.to = rtp_place(answer), rtp_place(placed)
        encrypted.use(suite, ours=key, theirs=theirs)
        open_path(plain, encrypted)
        for sender, receiver in ((plain, encrypted), (encrypted, plain)):
            spurt = talk_spurt(100, 20)
            sender.send(*spurt)
            heard = receiver.wait_for(spurt[-1].payload)
            assert [packet.payload for packet in heard if packet.pt == PCMU] == [packet.payload for packet in spurt]
        assert encrypted.unreadable == []
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_what_strangers_send_is_counted_and_does_no_harm(gateway: Gateway) -> None:
    """Plain packets, such with another key, and recorded ones; from elsewhere, and from the peer's own place."""
    key, host = new_key(), gateway.twilio.place.host
    with (
        RtpEnd(gateway.pbx.place.host) as plain,
        SrtpEnd(host) as peer,
        RtpEnd(gateway.stranger.place.host) as stranger,
        SrtpEnd(gateway.stranger.place.host) as thief,
    ):
        encrypted = sdp_at(peer.place, secured(host, crypto(1, STRONG, key)))
        with talking(gateway, "to_twilio", sdp_at(plain.place), encrypted) as talk:
            plain.to, at_twilio = rtp_place(talk.answer), rtp_place(talk.placed)
            peer.to = stranger.to = thief.to = at_twilio
            of_gateway = cryptos(talk.placed)[0][2]
            open_path(plain, peer.use(STRONG, ours=key, theirs=of_gateway))
            recorded = peer.record(*talk_spurt(100, 5))
            plain.wait_for(sound(104))
            plain.forget()
            forged = talk_spurt(105, 7)
            stranger.send(*forged)
            thief.use(STRONG, ours=new_key(), theirs=of_gateway).send(*forged)
            thief.send_again(recorded)
            peer.send_again([packet.build() for packet in forged])
            still = talk_spurt(105, 20)
            peer.send(*still)
            heard = plain.wait_for(still[-1].payload)
            assert [packet.payload for packet in heard] == [packet.payload for packet in still]
            assert [stranger.received(), thief.received(), thief.unreadable] == [[], [], []]
            talk.hang_up()
        [ended] = gateway.assert_outcomes("to_twilio", "success/completed")
    refused = {leg["trunk"]: leg["refused"] for leg in gateway.ask(f"/calls/{ended['call']}")["media"]}
    assert refused == {"pbx": 0, "twilio": len(forged) + len(forged) + len(recorded) + len(forged)}
    assert gateway.counted("gateway_rtp_refused_total", trunk="twilio") == refused["twilio"]


@METHODS
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_call_that_is_encrypted_stays_so(gateway: Gateway, direction: str, method: str) -> None:
    """A plain offer inside of it is refused and changes nothing; new keys hold at once."""
    by, host, later = "callee" if direction == "to_twilio" else "caller", gateway.twilio.place.host, new_key()
    with RtpEnd(gateway.pbx.place.host) as plain, SrtpEnd(host) as encrypted:
        ends = {by: encrypted, "caller" if by == "callee" else "callee": plain}
        bodies = {plain: sdp_at(plain.place), encrypted: keyed(encrypted, KEY)}
        with talking(gateway, direction, bodies[ends["caller"]], bodies[ends["callee"]]) as talk:
            ends["caller"].to, ends["callee"].to = rtp_place(talk.answer), rtp_place(talk.placed)
            of_gateway = cryptos(getattr(talk, DESCRIBED_IN[by]))[0][2]
            line = Line(talk, ends, itertools.count(10))
            hear_each_other(plain, encrypted.use(STRONG, ours=KEY, theirs=of_gateway))
            assert status(line.offer(by, sdp_at(encrypted.place, sdp(host)), method)) == 488
            hear_each_other(plain, encrypted)
            assert encrypted.unreadable == []
            answer = line.change(by, keyed(encrypted, later), method)
            hear_each_other(plain, encrypted.use(STRONG, ours=later, theirs=cryptos(answer)[0][2]))
            talk.hang_up()
        gateway.assert_outcomes(direction, "success/completed")


def keyed(end: SrtpEnd, key: str) -> str:
    """SDP with the place and a key of an end."""
    return sdp_at(end.place, secured(end.place.host, crypto(1, STRONG, key)))


def offer_of(caller: WirePeer, *lines: str) -> str:
    return caller.invite(body=secured(caller.place.host, *lines))


def test_an_encrypted_offer_is_answered_with_keys(gateway: Gateway) -> None:
    """The first suite that we know, whatever stands before it; a lifetime is no reason to refuse."""
    with gateway.wire_caller(gateway.twilio) as caller, gateway.wire(gateway.pbx) as callee:
        unknown = crypto(1, "AES_CM_128_HMAC_SHA1_96", new_key())
        invite = offer_of(caller, unknown, crypto(2, SHORT, new_key(), "|2^20"), crypto(3, STRONG, new_key()))
        caller.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = caller.wait_for("SIP/2.0 200")
        assert " RTP/SAVP 0" in answer
        assert [(tag, name) for tag, name, _ in cryptos(answer)] == [("2", SHORT)]
        caller.send(caller.in_dialog("ACK", invite, answer))
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_pbx", "success/completed")


REFUSED = {
    "plain": (),
    "a suite we lack": (crypto(1, "AES_CM_128_HMAC_SHA1_96", KEY),),
    "no suite": (crypto(1, "NULL", KEY),),
    "an MKI": (crypto(1, STRONG, KEY, "|2^20|1:4"),),
    "an MKI without a lifetime": (crypto(1, STRONG, KEY, "|1:4"),),
    "audio that is not encrypted after all": (crypto(1, STRONG, KEY, " UNENCRYPTED_SRTP"),),
    "audio that anybody can change": (crypto(1, STRONG, KEY, " UNAUTHENTICATED_SRTP"),),
    "keys that change": (crypto(1, STRONG, KEY, " KDR=1"),),
    "a key that is too short": (crypto(1, STRONG, KEY[:20]),),
    "a key that is no base64": (crypto(1, STRONG, "?" * 40),),
    "a key by another method": ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 prompt:secret\r\n",),
    "no key": ("a=crypto:1 AES_CM_128_HMAC_SHA1_80\r\n",),
}


IN_THE_LOG = ("plain", "a suite we lack", "an MKI")
"""Of these."""


@contextmanager
def encrypted_bystander(gateway: Gateway) -> Iterator[None]:
    """A call of the PBX that is up, plain there and encrypted at Twilio, whatever is done meanwhile."""
    host = gateway.twilio.place.host
    with (
        RtpEnd(gateway.pbx.place.host) as plain,
        SrtpEnd(host) as encrypted,
        talking(gateway, "to_twilio", sdp_at(plain.place), keyed(encrypted, KEY)) as talk,
    ):
        plain.to, encrypted.to = rtp_place(talk.answer), rtp_place(talk.placed)
        encrypted.use(STRONG, ours=KEY, theirs=cryptos(talk.placed)[0][2])
        with unharmed(gateway, talk, plain, encrypted):
            yield


def refuse(gateway: Gateway, lines: tuple[str, ...]) -> None:
    """An INVITE of Twilio with these lines of keys is answered with 488."""
    with gateway.wire_caller(gateway.twilio) as caller:
        invite = offer_of(caller, *lines) if lines else caller.invite(body=sdp(caller.place.host))
        caller.send(invite)
        final = caller.wait_for_final(invite)
        assert status(final) == 488
        caller.send(caller.in_dialog("ACK", invite, final))


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_an_offer_that_cannot_be_encrypted_is_refused(gateway: Gateway, lines: tuple[str, ...]) -> None:
    """It is counted, and a call that is up goes on."""
    with encrypted_bystander(gateway):
        refuse(gateway, lines)
        gateway.assert_rejected("no-common-codec")


DTLS = "a=fingerprint:sha-256 " + ":".join(["4A"] * 32) + "\r\na=setup:actpass\r\n"
"""Keys as a browser offers them (RFC 5763)."""


@pytest.mark.parametrize("lines", [DTLS, ""], ids=["fingerprint", "none"])
@pytest.mark.parametrize("profile", ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"])
@pytest.mark.parametrize("trunk", ["twilio", "pbx"], ids=["required", "optional"])
def test_keys_by_dtls_are_refused(gateway: Gateway, trunk: str, profile: str, lines: str) -> None:
    """Alone, and beside audio that could be taken."""
    peer = getattr(gateway, trunk)
    host = peer.place.host
    taken = secured(host, crypto(1, STRONG, KEY)) if trunk == "twilio" else sdp(host)
    with encrypted_bystander(gateway), gateway.wire_caller(peer) as caller:
        for offer in (secured(host, lines, profile=profile), f"{taken}m=audio 40002 {profile} 0\r\n{lines}"):
            invite = caller.invite(body=offer)
            caller.send(invite)
            final = caller.wait_for_final(invite)
            assert status(final) == 488
            caller.send(caller.in_dialog("ACK", invite, final))
        gateway.assert_rejected("no-common-codec", "no-common-codec")


@pytest.mark.parametrize("what", IN_THE_LOG)
def test_of_an_offer_that_cannot_be_encrypted_the_log_says_what_to_do(start_gateway: StartGateway, what: str) -> None:
    """Of many once in a while, so each has a gateway of its own here."""
    gateway = start_gateway(configure)
    refuse(gateway, REFUSED[what])
    [line] = gateway.told(msg="request rejected", reason="no-common-codec")
    assert (line["level"], line["source_address"]) == ("WARNING", gateway.twilio.place.host)
    assert "compare the offer's codecs with media.codecs, and its encryption with srtp of the trunk" in line["advice"]


@pytest.mark.parametrize("rules", ["|2^20|1:4", " UNENCRYPTED_SRTP"])
def test_an_answer_with_rules_we_cannot_keep_ends_the_call(gateway: Gateway, rules: str) -> None:
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "200 OK", body=secured(callee.place.host, crypto(1, STRONG, KEY, rules))))
        final = caller.wait_for_final(invite)
        assert status(final) == 488
        caller.send(caller.in_dialog("ACK", invite, final))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "client-error/no-common-codec")


def test_an_optional_trunk_takes_plain_and_encrypted(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.pbx) as caller:
        for body, protocol in (
            (sdp(caller.place.host), "RTP/AVP"),
            (secured(caller.place.host, crypto(1, STRONG, KEY)), "RTP/SAVP"),
        ):
            with gateway.wire(gateway.twilio) as callee:
                invite = caller.invite(body=body)
                caller.send(invite)
                placed = callee.wait_for("INVITE")
                callee.send(callee.reply(placed, "200 OK", body=secured(callee.place.host, crypto(1, STRONG, KEY))))
                callee.wait_for("ACK")
                answer = caller.wait_for_final(invite)
                assert f" {protocol} 0" in answer
                caller.send(caller.in_dialog("ACK", invite, answer))
                caller.send(caller.in_dialog("BYE", invite, answer, 2))
                callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_trunk_without_encryption_takes_and_offers_none(start_gateway: StartGateway, direction: str) -> None:
    """A SIP Domain without Secure media refuses whatever offers keys, and so does a trunk that has `srtp: off`."""
    gateway = start_gateway()
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = offer_of(caller, crypto(1, STRONG, KEY))
        caller.send(invite)
        final = caller.wait_for_final(invite)
        assert status(final) == 488
        caller.send(caller.in_dialog("ACK", invite, final))
        gateway.assert_rejected("no-common-codec")
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        assert " RTP/AVP 0 8" in placed
        assert "a=crypto" not in placed
        callee.send(callee.reply(placed, "486 Busy Here"))
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for_final(invite)))
        gateway.assert_outcomes(direction, "client-error/busy")


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_an_optional_trunk_is_offered_both(gateway: Gateway, is_encrypted: bool) -> None:
    """Plain audio with keys beside it: who knows no keys answers as ever, and who does may take one."""
    with (
        SrtpEnd(gateway.twilio.place.host) as far,
        RtpEnd(gateway.pbx.place.host) as plain,
        SrtpEnd(gateway.pbx.place.host) as encrypted,
        gateway.wire_caller(gateway.twilio) as caller,
        gateway.wire(gateway.pbx) as callee,
    ):
        invite = caller.invite(body=keyed(far, KEY))
        end, later = (encrypted, new_key()) if is_encrypted else (plain, "")
        answer = sdp_at(end.place) + (crypto(1, STRONG, later) if later else "")
        talk = talk_between(gateway, caller, callee, invite, answer)
        assert " RTP/AVP 0 8" in talk.placed
        offered = cryptos(talk.placed)
        assert [(tag, name) for tag, name, _ in offered] == [("1", STRONG), ("2", SHORT)]
        far.to, end.to = rtp_place(talk.answer), rtp_place(talk.placed)
        far.use(STRONG, ours=KEY, theirs=cryptos(talk.answer)[0][2])
        if is_encrypted:
            encrypted.use(STRONG, ours=later, theirs=offered[0][2])
        hear_each_other(far, end)
        talk.hang_up()
        gateway.assert_outcomes("to_pbx", "success/completed")
