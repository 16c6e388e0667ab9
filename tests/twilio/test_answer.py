"""The TwiML that forwards a call: what each receiver gets, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from gateway.core.plan import Forward
from gateway.core.uri import parse_uri
from gateway.twilio.answer import build_answer
from tests.twilio.samples import CONTRACT, PROFILE

VALUES = {"customer_id": 'C&1 <"é">', "queue": "sales", "count": "7"}
COUNT = b'{"count":7}'.hex().upper() + ";encoding=hex"


def parameters(noun: ElementTree.Element | None) -> dict[str, str]:
    assert noun is not None
    return {one.attrib["name"]: one.attrib["value"] for one in noun.findall("Parameter")}


def test_a_client_gets_custom_parameters() -> None:
    answer = build_answer(Forward(client="alice"), VALUES, CONTRACT, PROFILE)
    document = ElementTree.fromstring(answer.twiml)
    assert document.findtext("./Dial/Client/Identity") == "alice"
    assert parameters(document.find("./Dial/Client")) == VALUES
    assert answer.left_out == []


def test_a_stream_gets_parameters_and_keeps_the_call() -> None:
    answer = build_answer(Forward(stream="wss://app.example.com/audio"), VALUES, CONTRACT, PROFILE)
    stream = ElementTree.fromstring(answer.twiml).find("./Connect/Stream")
    assert stream is not None
    assert stream.attrib["url"] == "wss://app.example.com/audio"
    assert parameters(stream) == VALUES


def test_a_sip_user_agent_gets_headers() -> None:
    values = VALUES | {"customer_id": "C&1 <;>"}
    answer = build_answer(Forward(sip="sip:100@pbx.example.com;transport=tls"), values, CONTRACT, PROFILE)
    uri = ElementTree.fromstring(answer.twiml).findtext("./Dial/Sip")
    assert uri is not None
    assert uri.startswith("sip:100@pbx.example.com;transport=tls?X-CustomerID=C%261%20%3C%3B%3E&X-Queue=sales&")
    assert parse_uri(uri).headers == (("X-CustomerID", "C&1 <;>"), ("X-Queue", "sales"), ("User-to-User", COUNT))
    assert answer.left_out == []


@pytest.mark.parametrize("forward", [Forward(client="a"), Forward(sip="sip:1@h")])
def test_a_call_is_answered_when_who_is_called_answers(forward: Forward) -> None:
    dial = ElementTree.fromstring(build_answer(forward, VALUES, CONTRACT, PROFILE).twiml).find("./Dial")
    assert dial is not None
    assert dial.attrib == {"answerOnBridge": "true"}


def test_nothing_to_say_is_no_query() -> None:
    answer = build_answer(Forward(sip="sip:100@pbx.example.com"), {}, CONTRACT, PROFILE)
    assert "<Sip>sip:100@pbx.example.com</Sip>" in answer.twiml


@pytest.mark.parametrize("name", ["customer_id", "note"])
def test_what_twilio_would_leave_out_is_left_out_alone(name: str) -> None:
    answer = build_answer(Forward(sip="sip:1@h"), {name: "é", "queue": "sales"}, CONTRACT, PROFILE)
    assert answer.left_out == [name]
    assert "<Sip>sip:1@h?X-Queue=sales</Sip>" in answer.twiml


def test_what_no_xml_can_hold_is_left_out() -> None:
    answer = build_answer(Forward(client="a"), {"note": "\x01", "queue": "sales"}, CONTRACT, PROFILE)
    assert answer.left_out == ["note"]
    assert parameters(ElementTree.fromstring(answer.twiml).find("./Dial/Client")) == {"queue": "sales"}


@pytest.mark.parametrize("forward", [Forward(client="a"), Forward(stream="wss://h"), Forward(sip="sip:1@h")])
def test_over_the_limit_the_lowest_priority_leaves(forward: Forward) -> None:
    values = {"customer_id": "c" * 290, "queue": "sales", "note": "n" * 720}
    answer = build_answer(forward, values, CONTRACT, PROFILE)
    assert answer.left_out == ["note"]
    assert "n" * 720 not in answer.twiml
    assert "c" * 290 in answer.twiml


def test_without_a_limit_nothing_leaves() -> None:
    values = {"customer_id": "c" * 290, "note": "n" * 720}
    assert build_answer(Forward(client="a"), values, CONTRACT, replace(PROFILE, bytes_total=None)).left_out == []
