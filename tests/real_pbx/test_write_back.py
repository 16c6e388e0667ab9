"""Variables that arrive after the INVITE, set on the channels of a real Asterisk over AMI and ARI."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.core.plan import WriteBack
from gateway.core.variables import Variable, WriteResult, Written
from gateway.pbx.write_backs import open_channels
from tests.process.daemon import Gateway
from tests.process.daemon import Tree as Configuration
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, sdp
from tests.real_pbx.exchange import PASSWORD, USER, Exchange

HOSTILE = 'bob, "the" agent; ${CHANNEL(name)} $[1+1] Zoë 東京'
LONG = "0123456789" * 390
AMI_OCTETS = 1000
FIELDS = {
    "agent": {"pbx": "var:AGENT", "twilio": "header:X-Agent", "direction": "to_twilio", "on": ["answer"]},
    "survey": {"pbx": "var:SURVEY", "twilio": "header:X-Survey", "direction": "to_pbx", "on": ["end"]},
}


@contextmanager
def writing(exchange: Exchange, interface: str) -> Iterator[Gateway]:
    """The gateway with this interface, as long as the block lasts; every call of it is over then."""
    gateway, office = exchange.gateway, exchange.office
    url = f"ami://{office.ami}" if interface == "ami" else f"http://{office.ari}/ari"
    before = gateway.configuration
    trunk = before["trunks"]["pbx"] | {"write_back": office.write_back(url)}
    fields = before["context"]["fields"] | FIELDS
    gateway.configuration = before | {
        "trunks": before["trunks"] | {"pbx": trunk},
        "context": before["context"] | {"fields": fields},
    }
    reload(gateway)
    try:
        yield gateway
    finally:
        gateway.configuration = before
        reload(gateway)


def reload(gateway: Gateway) -> None:
    gateway.write_configuration()
    assert gateway.request("/reload", "POST")[0] == 200


def written(gateway: Gateway) -> list[Configuration]:
    """What the record of the only call says of its variables, as soon as it says something."""
    [ended] = wait_until(gateway.ended_calls, "the call has ended")
    return results(gateway, ended["call"])


def written_meanwhile(gateway: Gateway) -> list[Configuration]:
    """The same of the only call that is up: its channel is still there."""
    [talking] = gateway.wait_for_talking()
    return results(gateway, talking["id"])


def results(gateway: Gateway, call: str) -> list[Configuration]:
    found: list[Configuration] = wait_until(lambda: gateway.ask(f"/calls/{call}")["write_back"], "a result")
    return found


@contextmanager
def call_from_a_phone(exchange: Exchange, agent: str) -> Iterator[None]:
    """A call to Twilio that is answered with a value for the PBX."""
    gateway = exchange.gateway
    with gateway.wire(gateway.twilio) as twilio, exchange.wire_phone("desk") as desk:
        asking = desk.invite("X-Know-Customer: C-4711", user="8+15550100")
        desk.send(asking)
        placed = twilio.wait_for("INVITE")
        twilio.send(twilio.reply(placed, "200 OK", f"X-Agent: {agent}", body=sdp(twilio.place.host)))
        answer = desk.wait_for_final(asking)
        desk.send(desk.in_dialog("ACK", asking, answer))
        gateway.wait_for_talking()
        yield
        bye = desk.in_dialog("BYE", asking, answer, 2)
        desk.send(bye)
        twilio.send(twilio.reply(twilio.wait_for("BYE"), "200 OK"))
        desk.wait_for_final(bye)


def ring(twilio: WirePeer, user: str) -> str:
    """Call an extension of the office; the INVITE."""
    invite = twilio.invite("X-CustomerID: C-4711", user=user)
    twilio.send(invite)
    return invite


def answered(twilio: WirePeer, invite: str) -> str:
    """The answer to it, acknowledged."""
    answer = twilio.wait_for_final(invite)
    twilio.send(twilio.in_dialog("ACK", invite, answer))
    return answer


def hang_up(twilio: WirePeer, invite: str, answer: str, survey: str) -> None:
    bye = twilio.in_dialog("BYE", invite, answer, 2)
    twilio.send(carrying(bye, f"X-Survey: {survey}"))
    twilio.wait_for_final(bye)


# ---- AMI ----


@pytest.mark.parametrize("value", [HOSTILE, "x" * AMI_OCTETS], ids=["hostile", "as long as AMI takes"])
def test_a_value_of_the_answer_is_a_variable_over_ami(exchange: Exchange, value: str) -> None:
    with writing(exchange, "ami") as gateway:
        with call_from_a_phone(exchange, value):
            channel = exchange.ari.channel("gateway")
            assert wait_until(lambda: exchange.ari.variable(channel, "AGENT"), "the variable") == value
        entry = {"field": "agent", "variable": "AGENT", "on": "answer", "result": "written", "reason": None}
        assert written(gateway) == [entry]


def test_a_value_that_is_too_long_for_ami(exchange: Exchange) -> None:
    with writing(exchange, "ami") as gateway:
        with call_from_a_phone(exchange, LONG):
            [entry] = written_meanwhile(gateway)
        assert (entry["result"], entry["reason"]) == ("refused", f"{len(LONG)} bytes, AMI takes {AMI_OCTETS}")


def test_a_value_of_bye_is_a_variable_while_the_dialplan_ends(exchange: Exchange) -> None:
    with writing(exchange, "ami") as gateway, gateway.wire_caller(gateway.twilio) as twilio:
        invite = ring(twilio, "survey")
        hang_up(twilio, invite, answered(twilio, invite), survey=HOSTILE)
        assert written(gateway)[0]["result"] == "written"
        wait_until(lambda: exchange.ari.global_variable("SURVEYED") == HOSTILE, "the dialplan has it at its end")


def test_a_value_of_bye_is_in_the_record_whatever_the_channel_does(exchange: Exchange) -> None:
    """Without such an end of the dialplan the channel goes with the BYE, before the variable or after."""
    with writing(exchange, "ami") as gateway, gateway.wire_caller(gateway.twilio) as twilio:
        with exchange.wire_phone("desk") as desk:
            invite = ring(twilio, "desk")
            desk.answer(desk.wait_for("INVITE"))
            hang_up(twilio, invite, answered(twilio, invite), survey=HOSTILE)
            desk.send(desk.reply(desk.wait_for("BYE"), "200 OK"))
        [entry] = written(gateway)
        assert entry["result"] in ("written", "gone")
        [ended] = gateway.ended_calls()
        assert gateway.ask(f"/calls/{ended['call']}")["context"]["survey"] == HOSTILE


@pytest.mark.parametrize("interface", ["ami", "ari"])
def test_a_channel_that_is_gone(exchange: Exchange, interface: str) -> None:
    office = exchange.office
    url = {"ami": f"ami://{office.ami}", "ari": f"http://{office.ari}/ari"}[interface]
    channels = open_channels(WriteBack(**office.write_back(url)))
    assert channels.set("nobody@gateway", [Variable("agent", "AGENT", "bob")]) == [Written(WriteResult.GONE)]
    channels.close()


# ---- ARI ----


@contextmanager
def application(exchange: Exchange) -> Iterator[None]:
    """An ARI application named `office`: a WebSocket that listens, which is all it takes (RFC 6455, section 4.1)."""
    place = exchange.office.ari
    with socket.create_connection((place.host, place.port), timeout=10) as connection:
        lines = (
            f"GET /ari/events?app=office&api_key={USER}:{PASSWORD} HTTP/1.1",
            f"Host: {place}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        )
        connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")
        yield
        connection.sendall(b"\x88\x80\0\0\0\0")  # a Close, masked (RFC 6455, section 5.5.1)
        while connection.recv(65536):
            pass


def test_ari_sets_no_variable_on_a_channel_of_the_dialplan(exchange: Exchange) -> None:
    with writing(exchange, "ari") as gateway:
        with call_from_a_phone(exchange, HOSTILE):
            [entry] = written_meanwhile(gateway)
        assert (entry["result"], entry["reason"]) == ("refused", "no ARI application holds the channel")


def test_a_value_of_the_answer_is_a_variable_over_ari(exchange: Exchange) -> None:
    """In a call that an application places; its length is no matter there."""
    value = HOSTILE + LONG
    with writing(exchange, "ari") as gateway, application(exchange), gateway.wire(gateway.twilio) as twilio:
        channel = exchange.ari.call_in_application("PJSIP/+15550100@gateway", "office")
        placed = twilio.wait_for("INVITE")
        twilio.send(twilio.reply(placed, "200 OK", f"X-Agent: {value}", body=sdp(twilio.place.host)))
        gateway.wait_for_talking()
        assert wait_until(lambda: exchange.ari.variable(channel, "AGENT"), "the variable") == value
        exchange.ari.hang_up(channel)
        twilio.send(twilio.reply(twilio.wait_for("BYE"), "200 OK"))
        assert written(gateway)[0]["result"] == "written"
