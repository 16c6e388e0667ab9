"""Every way in which Twilio's applications give context to each other, through a real gateway to and from the PBX.

After Twilio, "How to share information between your applications".
"""

from __future__ import annotations

import base64
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twilio.twiml.voice_response import VoiceResponse
from websockets.sync.server import ServerConnection, serve

from gateway.lab.driver import Call
from tests.lab.twilio.chain import APPLICATION, DOMAIN, GATEWAY, WAIT_SECONDS, Chain
from tests.process.hearing import assert_hears

NUMBER = "+15557654321"
HOSTILE = 'Zoë; "a,b" & <c>=${x}%'


def call_twilio(chain: Chain, *headers: tuple[str, str], to: str = NUMBER) -> Call:
    """From the PBX."""
    return chain.pbx.call(f"sip:{to}@{chain.gateway}", headers, "<sip:100@pbx.example>")


def answer(chain: Chain, *headers: tuple[str, str]) -> Call:
    """At the PBX."""
    arrived = chain.pbx.expect_call()
    arrived.answer(200, headers)
    arrived.expect("confirmed")
    return arrived


def hang_up(call: Call, *headers: tuple[str, str]) -> None:
    call.hangup(0, headers)
    call.expect("ended")


def context(call: Call) -> dict[str, str]:
    """What the PBX was given."""
    return {name: value for name, value in call.headers if name.startswith("X-") or name == "User-to-User"}


# ---- Giving context to an application: what the PBX sends becomes parameters of the webhook ----


def test_pbx_to_webhook_by_x_headers(chain: Chain) -> None:
    chain.application.answer("/voice", "<Response><Reject/></Response>")
    call = call_twilio(chain, ("X-PBX-CUSTOMER-ID", "C-4711"), ("X-PBX-NOTE", HOSTILE), ("X-Not-Ours", "1"))
    params = chain.application.expect("/voice")
    assert params["SipHeader_X-CustomerID"] == "C-4711"
    assert params["SipHeader_X-Note"] == HOSTILE
    assert [name for name in params if name.startswith("SipHeader_")] == ["SipHeader_X-CustomerID", "SipHeader_X-Note"]
    assert params["SipDomain"] == DOMAIN
    assert params["SipSourceIp"] == GATEWAY
    assert params["To"].startswith(f"sip:{NUMBER}@")
    assert call.expect("ended")["code"] == 404


def test_pbx_to_webhook_by_user_to_user(chain: Chain) -> None:
    chain.application.answer("/voice", '<Response><Reject reason="busy"/></Response>')
    call = call_twilio(chain, ("User-to-User", "00C8414243;encoding=hex"))
    assert chain.application.expect("/voice")["SipHeader_User-to-User"] == "00C8414243;encoding=hex"
    assert call.expect("ended")["code"] == 486


# ---- From the application to a client, to SIP, to a media stream ----


def test_twiml_to_client(chain: Chain) -> None:
    response = VoiceResponse()
    client = response.dial().client()
    client.identity("alice")
    client.parameter(name="customer", value=HOSTILE)
    chain.application.answer("/voice", response)
    with chain.twilio.client("alice") as alice:
        call = call_twilio(chain)
        incoming = alice.expect("incoming")
        assert incoming["customParameters"] == {"customer": HOSTILE}
        alice.accept(incoming)
        call.expect("audio")
        assert_hears(call, 660)
        hang_up(call)
        assert alice.expect("ended")["call"] == incoming["call"]


def test_twiml_to_sip_by_x_headers_and_user_to_user(chain: Chain) -> None:
    response = VoiceResponse()
    response.dial(answer_on_bridge=True).sip(
        f"{chain.pbx_uri()}?X-CustomerID=C%2D4711%3Bx%3D1&User-to-User=00C8414243%3Bencoding%3Dhex"
    )
    chain.application.answer("/voice", response)
    call = call_twilio(chain)
    arrived = answer(chain)
    sid = chain.twilio.wait_for_call(lambda it: it["direction"] == "outbound-dial")["sid"]
    assert context(arrived) == {
        "X-PBX-CUSTOMER-ID": "C-4711;x=1",
        "X-PBX-TWILIO-CALL-SID": sid,
        "User-to-User": "00C8414243;encoding=hex",
    }
    hang_up(arrived)
    call.expect("ended")


def test_twiml_to_sip_by_headers_elements(chain: Chain) -> None:
    response = VoiceResponse()
    sip = response.dial(answer_on_bridge=True).sip("")
    sip.uri(chain.pbx_uri())
    sip.headers().header(name="X-CustomerID", value="C-4711, \"x\" & 'y'")
    chain.application.answer("/voice", response)
    call = call_twilio(chain)
    arrived = answer(chain)
    assert context(arrived)["X-PBX-CUSTOMER-ID"] == "C-4711, \"x\" & 'y'"
    hang_up(call)
    arrived.expect("ended")


def test_twiml_to_media_stream(chain: Chain) -> None:
    with stream_server() as (url, messages):
        response = VoiceResponse()
        stream = response.start().stream(url=url, name="first")
        stream.parameter(name="customer", value=HOSTILE)
        response.pause(length=30)
        chain.application.answer("/voice", response)
        call = call_twilio(chain)
        call.play(440)
        assert messages.get(timeout=WAIT_SECONDS) == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        start = messages.get(timeout=WAIT_SECONDS)
        sid = chain.twilio.wait_for_call(lambda it: it["direction"] == "inbound")["sid"]
        assert start["event"] == "start"
        assert start["start"]["customParameters"] == {"customer": HOSTILE}
        assert start["start"]["callSid"] == sid
        media = messages.get(timeout=WAIT_SECONDS)
        while not is_loud(media):  # the tone is on its way
            assert media["event"] == "media"
            media = messages.get(timeout=WAIT_SECONDS)
        hang_up(call)
        while media["event"] == "media":
            media = messages.get(timeout=WAIT_SECONDS)
        assert (media["event"], media["stop"]["callSid"]) == ("stop", sid)


def is_loud(message: dict[str, Any]) -> bool:
    """Whether 20 ms of mu-law are no silence: its loudest code words are the lowest of each sign."""
    payload = base64.b64decode(message["media"]["payload"])
    assert len(payload) == 160
    return min(octet & 0x7F for octet in payload) < 0x30


@contextmanager
def stream_server() -> Iterator[tuple[str, queue.SimpleQueue[dict[str, Any]]]]:
    """An application that takes media streams, and the messages that it got."""
    messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def take(socket: ServerConnection) -> None:
        for message in socket:
            messages.put(json.loads(message))

    with serve(take, APPLICATION, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://{APPLICATION}:{server.socket.getsockname()[1]}/stream", messages
        server.shutdown()
        thread.join()


# ---- From the REST API to SIP, to a client, to a number, into a conference ----


def test_rest_to_sip(chain: Chain) -> None:
    url = chain.application.answer("/then", "<Response><Pause length='30'/></Response>")
    to = f"{chain.pbx_uri()}?x-customerid=C%2D4711&x-note=a%3Bb%26c"
    call = chain.rest.calls.create(to=to, from_="+15550001111", url=f"{url}?order=77")
    arrived = answer(chain)
    given = context(arrived)
    assert (given["X-PBX-CUSTOMER-ID"], given["X-PBX-NOTE"]) == ("C-4711", "a;b&c")
    assert given["X-PBX-TWILIO-CALL-SID"] == call.sid
    params = chain.application.expect("/then")
    assert (params["order"], params["CallSid"], params["CallStatus"]) == ("77", call.sid, "in-progress")
    assert chain.rest.calls(call.sid).fetch().status == "in-progress"
    chain.rest.calls(call.sid).update(status="completed")
    arrived.expect("ended")


def test_rest_to_client(chain: Chain) -> None:
    url = chain.application.answer("/then", "<Response/>")
    with chain.twilio.client("bob") as bob:
        chain.rest.calls.create(to="client:bob?plan=gold&name=Zo%C3%AB", from_="+15550001111", url=url)
        incoming = bob.expect("incoming")
        assert incoming["customParameters"] == {"plan": "gold", "name": "Zoë"}
        bob.accept(incoming)
        chain.application.expect("/then")
        assert bob.expect("ended")["call"] == incoming["call"]


def test_rest_to_a_number_with_parameters_in_the_url(chain: Chain) -> None:
    url = chain.application.answer("/then", "<Response><Hangup/></Response>")
    call = chain.rest.calls.create(to="+15551230000", from_="+15550001111", url=f"{url}?customer=C-4711&queue=vip")
    params = chain.application.expect("/then")
    assert (params["customer"], params["queue"], params["To"]) == ("C-4711", "vip", "+15551230000")
    ended = chain.twilio.wait_for_call(lambda it: it["sid"] == call.sid and it["status"] == "completed")
    assert ended["direction"] == "outbound-api"


def test_rest_to_a_conference_participant(chain: Chain) -> None:
    conference = chain.rest.conferences("support")
    first = conference.participants.create(from_="+15550001111", to=f"{chain.pbx_uri()}?X-CustomerID=C1")
    one = answer(chain)
    second = conference.participants.create(
        from_="+15550001111", to=f"{chain.pbx_uri('200')}?X-CustomerID=C2", caller_display_name="Support"
    )
    other = answer(chain)
    assert first.conference_sid == second.conference_sid
    assert (context(one)["X-PBX-CUSTOMER-ID"], context(other)["X-PBX-CUSTOMER-ID"]) == ("C1", "C2")
    for call in (one, other):
        call.expect("audio")
    one.play(500)
    assert_hears(other, 500)
    for call, sid in ((one, first.call_sid), (other, second.call_sid)):
        hang_up(call)
        chain.twilio.wait_for_call(lambda it, sid=sid: it["sid"] == sid and it["status"] == "completed")


# ---- Back from the called side ----


def test_dial_action_gets_headers_of_the_end(chain: Chain) -> None:
    action = chain.application.answer("/done", "<Response/>")
    response = VoiceResponse()
    response.dial(answer_on_bridge=True, action=f"{action}?order=77").sip(chain.pbx_uri())
    chain.application.answer("/voice", response)
    call = call_twilio(chain)
    arrived = answer(chain)
    hang_up(arrived, ("X-Disposition", "sold"), ("X-Not-Ours", "1"))
    params = chain.application.expect("/done")
    assert params["order"] == "77"
    assert (params["DialCallStatus"], params["DialSipResponseCode"]) == ("completed", "200")
    assert params["DialSipHeader_X-Disposition"] == "sold"
    assert "DialSipHeader_X-Not-Ours" not in params
    call.expect("ended")


def test_dial_action_gets_headers_of_a_refusal(chain: Chain) -> None:
    action = chain.application.answer("/done", "<Response><Reject/></Response>")
    response = VoiceResponse()
    response.dial(answer_on_bridge=True, action=action).sip(chain.pbx_uri())
    chain.application.answer("/voice", response)
    call = call_twilio(chain)
    chain.pbx.expect_call().hangup(486, [("X-Disposition", "at lunch")])
    params = chain.application.expect("/done")
    assert (params["DialCallStatus"], params["DialSipResponseCode"]) == ("busy", "486")
    assert params["DialSipHeader_X-Disposition"] == "at lunch"
    assert call.expect("ended")["code"] == 404


def test_screening_gets_headers_of_the_answer(chain: Chain) -> None:
    screen = chain.application.answer("/screen", "<Response/>")
    response = VoiceResponse()
    response.dial(answer_on_bridge=True).sip(chain.pbx_uri(), url=screen)
    chain.application.answer("/voice", response)
    call = call_twilio(chain)
    arrived = answer(chain, ("X-Agent", "alice"))
    assert chain.application.expect("/screen")["SipHeader_X-Agent"] == "alice"
    call.expect("confirmed")
    hang_up(call)
    arrived.expect("ended")


# ---- From a client ----


def test_client_to_application_and_on_to_sip(chain: Chain) -> None:
    response = VoiceResponse()
    response.dial().sip(f"{chain.pbx_uri()}?X-CustomerID=C%2D4711")
    chain.application.answer("/voice", response)
    with chain.twilio.client("carol") as carol:
        carol.connect(To="100", customer="C-4711")
        params = chain.application.expect("/voice")
        assert (params["From"], params["To"], params["customer"]) == ("client:carol", "100", "C-4711")
        call = carol.expect("connected")
        arrived = answer(chain)
        assert context(arrived)["X-PBX-CUSTOMER-ID"] == "C-4711"
        carol.hang_up(call)
        arrived.expect("ended")
        assert carol.expect("ended")["call"] == call["call"]


# ---- TwiML Bin and function ----


def test_twiml_bin_with_mustache(chain: Chain) -> None:
    with chain.twilio.client(f"bin-{NUMBER}") as client:
        chain.application.answer(
            "/voice", f"<Response><Redirect>{chain.twilio.url}/bins/greeting</Redirect></Response>"
        )
        call = call_twilio(chain, ("X-PBX-CUSTOMER-ID", 'C "4711" <&>'))
        assert client.expect("incoming")["customParameters"] == {"customer": 'C "4711" <&>'}
        hang_up(call)
        client.expect("ended")


def test_function(chain: Chain) -> None:
    with chain.twilio.client("function") as client:
        chain.application.answer(
            "/voice", f"<Response><Redirect>{chain.twilio.url}/functions/route</Redirect></Response>"
        )
        call = call_twilio(chain, ("X-PBX-CUSTOMER-ID", "C-4711"))
        assert client.expect("incoming")["customParameters"] == {"customer": "C-4711", "account": "AC" + "0" * 32}
        hang_up(call)
        client.expect("ended")


# ---- The advice ----


def test_more_than_800_bytes_are_warned_of_with_the_count(chain: Chain) -> None:
    response = VoiceResponse()
    client = response.dial().client()
    client.identity("alice")
    client.parameter(name="text", value="x" * 900)
    chain.application.answer("/voice", response)
    with chain.twilio.client("alice") as alice:
        call = call_twilio(chain)
        incoming = alice.expect("incoming")
        assert incoming["customParameters"] == {"text": "x" * 900}  # advice, no limit
        (alert,) = [it for it in chain.twilio.alerts() if it["call"] == incoming["call"]]
        assert alert["text"] == "Custom parameters over the 800 bytes that Twilio advises"
        assert alert["detail"] == "904 bytes of names and values in the call to client:alice"
        hang_up(call)
        alice.expect("ended")


# ---- From the application back to the PBX ----


def test_twiml_refer_to_another_of_the_pbx(chain: Chain) -> None:
    """What the call began with goes on to the target, and what stands behind the URI."""
    response = VoiceResponse()
    action = chain.application.answer("/referred", "<Response/>")
    response.refer(action=action).sip(f"{chain.pbx_uri('200')}?X-Ticket=T%2D1&X-Secret=1")
    chain.application.answer("/voice", response)
    call = call_twilio(chain, ("X-PBX-CUSTOMER-ID", "C-4711"))
    target = answer(chain)
    assert context(target) == {"X-PBX-CUSTOMER-ID": "C-4711", "X-PBX-TICKET": "T-1"}
    params = chain.application.expect("/referred")  # though the gateway hangs up right after its last NOTIFY
    assert (params["ReferCallStatus"], params["NotifySipResponseCode"]) == ("completed", "200")
    hang_up(target)
    call.expect("ended")


def test_a_refer_of_the_pbx_to_the_refer_url(chain: Chain) -> None:
    """What the PBX gives to the target is in the whole Refer-To, and the TwiML that it gets is for the caller."""
    refer = chain.application.answer("/refer", "<Response><Dial><Number>+15551230000</Number></Dial></Response>")
    response = VoiceResponse()
    response.dial(refer_url=refer).sip(chain.pbx_uri())
    chain.application.answer("/voice", response)
    with chain.twilio.client("dave") as dave:
        dave.connect(To="100")
        params = chain.application.expect("/voice")
        call = dave.expect("connected")
        arrived = answer(chain)
        assert arrived.refer("<sip:+15551230000@pbx.example?X-PBX-TICKET=T-1&X-Secret=1>") == 202
        asked = chain.application.expect("/refer")
        assert asked["CallSid"] == params["CallSid"]
        target = asked["ReferTransferTarget"]
        assert target.startswith("<sip:+15551230000@") and target.endswith("?X-Ticket=T-1>")
        while not (told := arrived.expect("referred"))["final"]:
            pass
        assert told["code"] == 200
        arrived.expect("ended")
        chain.twilio.wait_for_call(lambda it: it["parent"] == params["CallSid"] and it["to"] == "+15551230000")
        dave.hang_up(call)
        dave.expect("ended")
