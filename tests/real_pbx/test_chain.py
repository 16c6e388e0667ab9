"""The whole chain: a phone, a real Asterisk, the gateway, the stand-in for Twilio, and an application behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twilio.rest import Client

from gateway.lab.twilio.customer import Application
from gateway.lab.twilio.driver import LabHttpClient, TwilioProcess
from gateway.lab.twilio.settings import ACCOUNT_SID, AUTH_TOKEN
from tests.lab.twilio.chain import APPLICATION, write_lab
from tests.process.wire import header
from tests.real_pbx.exchange import Exchange

TWIML = '<Response><Pause length="20"/></Response>'


@pytest.fixture
def application() -> Iterator[Application]:
    serving = Application(APPLICATION)
    yield serving
    serving.close()


@pytest.fixture
def twilio(exchange: Exchange, application: Application, tmp_path: Path) -> Iterator[TwilioProcess]:
    """The stand-in where the gateway calls Twilio."""
    office = exchange.office
    domain = {"voice_url": application.answer("/voice", TWIML), "allow": [office.gateway.host]}
    config = write_lab(tmp_path, application, sip=str(office.twilio), domains={"acme.sip.twilio.com": domain})
    with TwilioProcess(config, tmp_path / "twilio.log") as twilio:
        yield twilio


def test_a_phone_calls_an_application(exchange: Exchange, application: Application, twilio: TwilioProcess) -> None:
    """What the dialplan knows is a parameter of the webhook."""
    exchange.desk.call("uac-call", "-s", "8+15550100", headers="X-Know-Customer: C-4711").finish()
    posted = application.expect("/voice")
    assert posted["SipHeader_X-CustomerID"] == "C-4711"
    assert posted["To"].startswith("sip:+15550100@")
    exchange.gateway.assert_outcomes("to_twilio", "success/completed")


def test_an_application_calls_a_phone(exchange: Exchange, twilio: TwilioProcess) -> None:
    """What the REST API was given is a variable of the channel."""
    rest = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=LabHttpClient(twilio.url))
    with exchange.wire_phone("desk") as desk:
        to = f"sip:desk@{exchange.office.gateway}?X-CustomerID=C-4711"
        call = rest.calls.create(to=to, from_="+15550100", twiml=TWIML)
        invite = desk.wait_for("INVITE")
        desk.answer(invite)
        exchange.gateway.wait_for_talking()
        channel = exchange.ari.channel("gateway")
        assert exchange.ari.variable(channel, "CUSTOMER_ID") == "C-4711"
        assert exchange.ari.variable(channel, "TWILIO_CALL_SID") == call.sid
        bye = desk.in_dialog_of_callee("BYE", invite, 1)
        desk.send(bye)
        assert header(desk.wait_for_final(bye), "CSeq") == "1 BYE"
    exchange.gateway.assert_outcomes("to_pbx", "success/completed")
    assert twilio.wait_for_call(lambda it: it["sid"] == call.sid and it["status"] == "completed")
