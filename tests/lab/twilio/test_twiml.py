"""TwiML as values, and what the debugger says of what is not understood."""

from __future__ import annotations

import pytest
from twilio.twiml.voice_response import VoiceResponse

from gateway.lab.twilio.twiml import TwimlError, parse_twiml
from gateway.lab.twilio.verbs import (
    Callback,
    ClientNoun,
    ConferenceNoun,
    Dial,
    Hangup,
    NumberNoun,
    Pause,
    Play,
    Redirect,
    Refer,
    Reject,
    Say,
    SipNoun,
    StartStream,
    StopStream,
    Verb,
)

SIMPLE: dict[str, Verb] = {
    "<Say>Hello</Say>": Say("Hello"),
    "<Play>http://a/b.wav</Play>": Play("http://a/b.wav"),
    '<Play digits="1w2"/>': Play("", "1w2"),
    "<Pause/>": Pause(1),
    '<Pause length="3"/>': Pause(3),
    "<Reject/>": Reject(False),
    '<Reject reason="busy"/>': Reject(True),
    "<Hangup/>": Hangup(),
    '<Redirect method="GET">/next</Redirect>': Redirect(Callback("/next", "GET")),
    '<Refer action="/done"><Sip>sip:a@b?X-A=1</Sip></Refer>': Refer("sip:a@b?X-A=1", Callback("/done")),
    '<Start><Stream url="ws://a/b" name="n"><Parameter name="k" value="v"/></Stream></Start>': StartStream(
        "ws://a/b", "n", (("k", "v"),)
    ),
    '<Connect><Stream url="ws://a/b"/></Connect>': StartStream("ws://a/b", "", (), blocking=True),
    '<Stop><Stream name="n"/></Stop>': StopStream("n"),
    "<Dial>+15551234567</Dial>": Dial((NumberNoun("+15551234567"),)),
    "<Dial><Number>+1555</Number><Client>bob</Client></Dial>": Dial((NumberNoun("+1555"), ClientNoun("bob", ()))),
    "<Dial><Conference>room</Conference></Dial>": Dial((ConferenceNoun("room"),)),
}

COMPLAINTS = {
    "an unknown verb": ("<Gather/>", "<Gather> is no verb that the stand-in knows"),
    "an unknown noun": ("<Dial><Queue>q</Queue></Dial>", "<Queue> is no noun of <Dial> that the stand-in knows"),
    "an unknown attribute": ('<Pause seconds="3"/>', "seconds of <Pause> is not known to the stand-in"),
    "no number": ('<Dial timeout="soon">+1</Dial>', "timeout='soon' of <Dial> is no whole number"),
    "a refer without a target": ("<Refer/>", "<Refer> without <Sip>"),
    "a start of something else": ("<Start><Siprec/></Start>", "<Siprec> in <Start> is not known to the stand-in"),
    "a query on a stream": (
        '<Start><Stream url="ws://a/b?c=1"/></Start>',
        "the query of a <Stream> url is dropped; use <Parameter>",
    ),
    "a stream parameter too long": (
        f'<Start><Stream url="ws://a"><Parameter name="k" value="{"x" * 500}"/></Stream></Start>',
        "<Parameter> k of <Stream> has over 500 characters",
    ),
}

NO_DOCUMENT = {
    "no XML": ("hello", 12100),
    "another root": ("<Reply/>", 12100),
    "more than 64 kB": (f"<Response><Say>{'x' * 65_536}</Say></Response>", 11750),
}


@pytest.mark.parametrize(("text", "verb"), SIMPLE.items(), ids=SIMPLE)
def test_verbs(text: str, verb: Verb) -> None:
    document = parse_twiml(f"<Response>{text}</Response>")
    assert (document.verbs, document.alerts) == ((verb,), ())


def test_everything_about_a_dial() -> None:
    response = VoiceResponse()
    dial = response.dial(
        action="/done?a=b", answer_on_bridge=True, timeout=20, time_limit=60, caller_id="+1555", refer_url="/refer"
    )
    dial.sip("sip:a@b?X-A=1", username="u", password="p", url="/screen", method="GET")
    noun = SipNoun("sip:a@b?X-A=1", "u", "p", Callback("/screen", "GET"))
    expected = Dial((noun,), Callback("/done?a=b"), True, 20, 60, "+1555", Callback("/refer"))
    assert parse_twiml(str(response)).verbs == (expected,)


def test_the_newer_form_of_sip() -> None:
    response = VoiceResponse()
    sip = response.dial().sip("")
    sip.uri("sip:second@b", priority=2)
    sip.uri("sip:first@b;transport=tls", priority=1, username="u", password="p")
    sip.headers().header(name="X-A", value="a;b & c")
    (dial,) = parse_twiml(str(response)).verbs
    assert dial == Dial((SipNoun("sip:first@b;transport=tls?X-A=a%3Bb%20%26%20c", "u", "p"),))


@pytest.mark.parametrize(("text", "detail"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_complaints(text: str, detail: str) -> None:
    (alert,) = parse_twiml(f"<Response>{text}</Response>").alerts
    assert (alert.code, alert.detail) == (12200, detail)


def test_more_nouns_than_ring_at_once() -> None:
    document = parse_twiml(f"<Response><Dial>{'<Client>bob</Client>' * 11}</Dial></Response>")
    assert [alert.code for alert in document.alerts] == [13250]
    (dial,) = document.verbs
    assert isinstance(dial, Dial) and len(dial.nouns) == 10


@pytest.mark.parametrize(("text", "code"), NO_DOCUMENT.values(), ids=NO_DOCUMENT)
def test_no_document(text: str, code: int) -> None:
    with pytest.raises(TwimlError) as error:
        parse_twiml(text)
    assert error.value.code == code
