"""REST of the stand-in, asked by the `twilio` library as it comes."""

from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from gateway.lab.twilio.driver import LabHttpClient
from gateway.lab.twilio.settings import ACCOUNT_SID
from tests.lab.twilio.chain import Chain

FROM = "+15550001111"
TWIML = "<Response><Pause length='30'/></Response>"

REFUSED = {
    "no To": ({"to": "", "from_": FROM, "twiml": TWIML}, 400, 21201),
    "no From": ({"to": "+1555", "from_": "", "twiml": TWIML}, 400, 21213),
    "a From that is a URI": ({"to": "+1555", "from_": "a@b", "twiml": TWIML}, 400, 21212),
    "no TwiML": ({"to": "+1555", "from_": FROM}, 400, 21205),
    "TwiML of more than 4,000 characters": ({"to": "+1555", "from_": FROM, "twiml": "x" * 4001}, 400, 32018),
    "headers of 1,024 characters": ({"to": f"sip:a@b?X-A={'x' * 1020}", "from_": FROM, "twiml": TWIML}, 400, 21227),
    "a header that Twilio does not send": ({"to": "sip:a@b?Diversion=x", "from_": FROM, "twiml": TWIML}, 400, 13252),
}


@pytest.mark.parametrize(("given", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(chain: Chain, given: dict[str, str], status: int, code: int) -> None:
    with pytest.raises(TwilioRestException) as error:
        chain.rest.calls.create(**given)
    assert (error.value.status, error.value.code) == (status, code)


def test_a_wrong_token(chain: Chain) -> None:
    stranger = Client(ACCOUNT_SID, "wrong", http_client=LabHttpClient(chain.twilio.url))
    with pytest.raises(TwilioRestException) as error:
        stranger.calls.create(to="+1555", from_=FROM, twiml=TWIML)
    assert (error.value.status, error.value.code) == (401, 20003)


def test_another_account(chain: Chain) -> None:
    other = Client(
        chain.rest.username, chain.rest.password, "AC" + "1" * 32, http_client=LabHttpClient(chain.twilio.url)
    )
    with pytest.raises(TwilioRestException) as error:
        other.calls("CA1").fetch()
    assert (error.value.status, error.value.code) == (404, 20404)


def test_a_call_through_its_life(chain: Chain) -> None:
    created = chain.rest.calls.create(to="+15551230000", from_=FROM, twiml=TWIML)
    assert (created.direction, created.to, created._from, created.account_sid) == (
        "outbound-api",
        "+15551230000",
        FROM,
        ACCOUNT_SID,
    )
    chain.twilio.wait_for_call(lambda it: it["sid"] == created.sid and it["status"] == "in-progress")
    assert chain.rest.calls(created.sid).fetch().status == "in-progress"
    assert created.sid in [call.sid for call in chain.rest.calls.list()]
    chain.rest.calls(created.sid).update(status="completed")
    ended = chain.rest.calls(created.sid).fetch()
    assert ended.status == "completed"
    assert ended.duration is not None and ended.end_time is not None and ended.end_time >= ended.start_time


def test_a_change_that_the_stand_in_does_not_know(chain: Chain) -> None:
    created = chain.rest.calls.create(to="+15551230000", from_=FROM, twiml=TWIML)
    with pytest.raises(TwilioRestException) as error:
        chain.rest.calls(created.sid).update(twiml="<Response/>")
    assert error.value.code == 20001


@pytest.mark.parametrize(("number", "status"), [("+15550000001", "busy"), ("+15550000002", "no-answer")])
def test_a_number_that_does_not_take_the_call(chain: Chain, number: str, status: str) -> None:
    done = chain.application.answer("/status", "")
    call = chain.rest.calls.create(to=number, from_=FROM, twiml=TWIML, timeout=1, status_callback=done)
    params = chain.application.expect("/status")
    assert (params["CallSid"], params["CallStatus"]) == (call.sid, status)


def test_a_sip_endpoint_that_wants_credentials(chain: Chain) -> None:
    """The gateway does not challenge; a telephone that does is called directly."""
    phone = chain.pbx
    call = chain.rest.calls.create(
        to=f"sip:x@{phone.address}:{phone.port}", from_=FROM, twiml=TWIML, sip_auth_username="u", sip_auth_password="p"
    )
    challenged = phone.expect_call()
    challenged.hangup(407, [("Proxy-Authenticate", 'Digest realm="pbx", nonce="n"')])
    challenged.expect("ended")
    arrived = phone.expect_call()
    assert 'username="u"' in dict(arrived.headers)["Proxy-Authorization"]
    arrived.hangup(486)
    arrived.expect("ended")
    chain.twilio.wait_for_call(lambda it: it["sid"] == call.sid and it["status"] == "busy")
