"""A SIP Domain of the stand-in: who may call, what TwiML does, what the debugger says; a phone calls it directly."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.lab.driver import Call, Phone
from gateway.lab.twilio.customer import Application
from gateway.lab.twilio.driver import TwilioProcess
from tests.lab.twilio.chain import APPLICATION, WAIT_SECONDS, write_lab
from tests.process.hearing import assert_hears
from tests.process.places import own_host

PHONE, STRANGER = own_host(), own_host()


class Site:
    """The stand-in with an open domain, and who calls it."""

    def __init__(self, twilio: TwilioProcess, application: Application, phone: Phone, stranger: Phone) -> None:
        self.twilio, self.application, self.phone, self.stranger = twilio, application, phone, stranger

    def call(self, twiml: str, *headers: tuple[str, str]) -> Call:
        """A call that is answered with this TwiML."""
        self.application.answer("/voice", f"<Response>{twiml}</Response>")
        return self.phone.call(f"sip:100@{self.twilio.sip}", headers)

    def alerts(self) -> list[tuple[int, str]]:
        """What the debugger has to say of the newest call."""
        newest = self.twilio.calls()[-1]
        sids = {newest["sid"], newest["parent"]} - {""}
        return [(alert["code"], alert["detail"]) for alert in self.twilio.alerts() if alert["call"] in sids]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("domain")
    application = Application(APPLICATION)
    domain = {"voice_url": f"{application.url}/voice", "allow": [PHONE], "status_url": f"{application.url}/status"}
    config = write_lab(
        folder,
        application,
        domains={"acme.sip.twilio.com": domain},
        numbers={"+15550000001": "is busy", "+15550000002": "does not answer"},
    )
    with (
        TwilioProcess(config, folder / "twilio.log") as twilio,
        Phone.start("phone", PHONE, folder) as phone,
        Phone.start("stranger", STRANGER, folder) as stranger,
    ):
        yield Site(twilio, application, phone, stranger)
    application.close()
    assert (folder / "twilio.log").read_text() == ""


def code(call: Call) -> object:
    return call.expect("ended")["code"]


def test_a_source_that_is_not_in_the_list(site: Site) -> None:
    call = site.stranger.call(f"sip:100@{site.twilio.sip}")
    ended = call.expect("ended")
    assert ended["code"] == 403
    error = "X-Twilio-Error: 32201 Authentication failure - source IP Address not in ACL"
    assert error in str(ended["message"])
    assert site.twilio.alerts()[-1]["code"] == 32201


def test_a_domain_that_there_is_not(site: Site) -> None:
    """By hand: a telephone would have to find the name in DNS."""
    host, _, port = site.twilio.sip.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(WAIT_SECONDS)
        phone.bind((PHONE, 0))
        here = f"{PHONE}:{phone.getsockname()[1]}"
        lines = [
            "INVITE sip:100@other.sip.twilio.com SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK1",
            f"From: <sip:a@{here}>;tag=1",
            "To: <sip:100@other.sip.twilio.com>",
            "Call-ID: other-domain",
            "CSeq: 1 INVITE",
            f"Contact: <sip:a@{here}>",
            "Content-Length: 0",
        ]
        phone.sendto("\r\n".join([*lines, "", ""]).encode(), (host, int(port)))
        final = phone.recv(65535)
        while final.startswith(b"SIP/2.0 1"):
            final = phone.recv(65535)
        assert final.startswith(b"SIP/2.0 404 ")
        to = next(line for line in final.decode().splitlines() if line.startswith("To:"))
        acknowledged = [lines[0].replace("INVITE", "ACK"), *lines[1:3], to, lines[4], "CSeq: 1 ACK", *lines[6:]]
        phone.sendto("\r\n".join([*acknowledged, "", ""]).encode(), (host, int(port)))


@pytest.mark.parametrize(("twiml", "expected"), [("<Reject/>", 404), ('<Reject reason="busy"/>', 486)])
def test_reject(site: Site, twiml: str, expected: int) -> None:
    assert code(site.call(twiml)) == expected


def test_say_play_pause_hangup(site: Site) -> None:
    call = site.call('<Say>Hello there, all of you.</Say><Play digits="42"/><Hangup/><Say>never</Say>')
    call.expect("audio")
    assert_hears(call, 440)
    assert call.expect_digits(2) == "42"
    assert code(call) == 200


def test_the_end_is_told_to_the_status_url_and_nothing_before_it(site: Site) -> None:
    site.application.answer("/status", "")
    call = site.call("<Say>x</Say>")
    call.expect("ended")
    sid = site.twilio.calls()[-1]["sid"]
    params = site.application.expect("/status")
    while params["CallSid"] != sid:  # of the call before this one
        params = site.application.expect("/status")
    assert (params["CallStatus"], params["CallDuration"]) == ("completed", "0")


@pytest.mark.parametrize(
    ("number", "status"), [("+15550000001", "busy"), ("+15550000002", "no-answer"), ("+15551230000", "completed")]
)
def test_numbers(site: Site, number: str, status: str) -> None:
    action = site.application.answer("/done", "<Response><Hangup/></Response>")
    call = site.call(f'<Dial timeout="1" timeLimit="1" action="{action}"><Number>{number}</Number></Dial>')
    assert site.application.expect("/done")["DialCallStatus"] == status
    call.expect("ended")


def test_a_caller_who_leaves_while_it_rings(site: Site) -> None:
    action = site.application.answer("/done", "<Response/>")
    call = site.call(f'<Dial answerOnBridge="true" action="{action}"><Number>+15550000002</Number></Dial>')
    call.expect("progress")
    site.twilio.wait_for_call(lambda it: it["direction"] == "outbound-dial" and it["status"] == "ringing")
    call.hangup()
    assert site.application.expect("/done")["DialCallStatus"] == "canceled"
    assert code(call) == 487


def test_a_client_that_is_not_registered(site: Site) -> None:
    action = site.application.answer("/done", "<Response><Reject/></Response>")
    call = site.call(f'<Dial answerOnBridge="true" action="{action}"><Client>nobody</Client></Dial>')
    assert site.application.expect("/done")["DialCallStatus"] == "no-answer"
    assert code(call) == 404
    assert site.alerts() == [(32009, "client:nobody")]


def test_a_client_that_refuses(site: Site) -> None:
    action = site.application.answer("/done", "<Response><Reject/></Response>")
    with site.twilio.client("dora") as dora:
        call = site.call(f'<Dial answerOnBridge="true" action="{action}"><Client>dora</Client></Dial>')
        dora.reject(dora.expect("incoming"))
        assert site.application.expect("/done")["DialCallStatus"] == "failed"
        assert code(call) == 404


def test_a_breach_of_the_limits_of_sip_is_reported_and_not_dialled(site: Site) -> None:
    action = site.application.answer("/done", "<Response><Reject/></Response>")
    long = f"sip:100@{PHONE}?X-A={'x' * 1020}"
    call = site.call(f'<Dial answerOnBridge="true" action="{action}"><Sip>{long}</Sip></Dial>')
    assert site.application.expect("/done")["DialCallStatus"] == "failed"
    call.expect("ended")
    assert site.alerts() == [(13253, "1024 characters of headers, fewer than 1024 are allowed")]


def test_a_header_that_is_left_out_is_reported_and_the_call_goes_on(site: Site) -> None:
    call = site.call(f"<Dial><Sip>sip:x@{site.phone.address}:{site.phone.port}?X-A=a;b&amp;X-B=1</Sip></Dial>")
    arrived = site.phone.expect_call()
    names = [name for name, _ in arrived.headers if name.startswith("X-")]
    assert names == ["X-Twilio-CallSid", "X-Twilio-AccountSid", "X-B"]
    assert site.alerts() == [(32110, "the value of X-A is not percent-encoded")]
    arrived.hangup(486)
    arrived.expect("ended")
    call.expect("ended")


def test_credentials_of_sip_answer_a_challenge(site: Site) -> None:
    uri = f"sip:x@{site.phone.address}:{site.phone.port}"
    call = site.call(f'<Dial answerOnBridge="true"><Sip username="u" password="p">{uri}</Sip></Dial>')
    challenged = site.phone.expect_call()
    challenged.hangup(401, [("WWW-Authenticate", 'Digest realm="pbx", nonce="n"')])
    challenged.expect("ended")
    arrived = site.phone.expect_call()
    assert 'Digest username="u", realm="pbx"' in dict(arrived.headers)["Authorization"]
    arrived.hangup(603)
    arrived.expect("ended")
    call.expect("ended")


def test_an_unknown_verb_is_on_the_debugger_page(site: Site) -> None:
    call = site.call("<Gather/><Reject/>")
    call.expect("ended")
    assert site.alerts() == [(12200, "<Gather> is no verb that the stand-in knows")]
    page = site.twilio.page("/debugger")
    assert "12200" in page and "&lt;Gather&gt; is no verb that the stand-in knows" in page


@pytest.mark.parametrize(("answer", "alert"), [("no TwiML", 12100), (None, 11200)])
def test_an_application_that_fails(site: Site, answer: str | None, alert: int) -> None:
    site.application.answer("/voice", answer)
    if answer is None:
        site.application.forget("/voice")
    call = site.phone.call(f"sip:100@{site.twilio.sip}")
    assert code(call) == 500
    assert [number for number, _ in site.alerts()] == [alert]


def test_the_calls_page_shows_what_was_posted(site: Site) -> None:
    site.call("<Reject/>", ("X-CustomerID", "C-4711")).expect("ended")
    page = site.twilio.page("/")
    assert "SipHeader_X-CustomerID" in page
    assert "C-4711" in page
    assert "&lt;Reject/&gt;" in page


def test_refer_to_a_uri_with_headers(site: Site) -> None:
    action = site.application.answer("/referred", "<Response/>")
    refer = f'<Refer action="{action}"><Sip>sip:200@pbx.example?X-A=a%3Bb&amp;User-to-User=00</Sip></Refer>'
    call = site.call(refer)
    assert "\r\nRefer-To: <sip:200@pbx.example?X-A=a%3Bb&User-to-User=00>\r\n" in str(call.expect("refer")["message"])
    params = site.application.expect("/referred")
    assert (params["ReferCallStatus"], params["ReferSipResponseCode"]) == ("failed", "603")  # this phone declines
    call.expect("ended")


# ---- REFER to Twilio ----

TARGET = "<sip:200@pbx.example?X-Ticket=T-1>"


def talking(site: Site, call: Call) -> dict[str, object]:
    """Wait until a call goes on with whom it dialled; that call."""
    call.expect("confirmed")
    parent = site.twilio.wait_for_call(lambda it: it["sip_call_id"] == call.call_id)["sid"]
    return site.twilio.wait_for_call(lambda it: it["parent"] == parent and it["status"] == "in-progress")


def test_a_refer_that_no_refer_url_is_for(site: Site) -> None:
    call = site.call("<Dial><Number>+15551230000</Number></Dial>")
    talking(site, call)
    assert call.refer(TARGET) == 603
    assert (13802, f"REFER to {TARGET!r}") in site.alerts()
    call.hangup()
    call.expect("ended")


def test_a_caller_refers_the_called_side(site: Site) -> None:
    """The TwiML of `referUrl` is for the called side, and who asked is told that it is done."""
    url = site.application.answer("/refer", "<Response><Pause length='30'/></Response>")
    call = site.call(f'<Dial referUrl="{url}"><Number>+15551230000</Number></Dial>')
    child = talking(site, call)
    assert call.refer(TARGET) == 202
    params = site.application.expect("/refer")
    assert (params["ReferTransferTarget"], params["CallSid"]) == (TARGET, child["sid"])
    while not (told := call.expect("referred"))["final"]:
        assert told["code"] == 100
    assert told["code"] == 200
    call.hangup()
    call.expect("ended")
    goes_on = site.twilio.wait_for_call(lambda it: it["sid"] == child["sid"])
    assert goes_on["status"] == "in-progress"


def test_a_refer_whose_url_does_not_answer(site: Site) -> None:
    call = site.call(f'<Dial referUrl="{site.application.url}/nothing"><Number>+15551230000</Number></Dial>')
    child = talking(site, call)
    assert call.refer(TARGET) == 202
    while not (told := call.expect("referred"))["final"]:
        pass
    assert told["code"] == 500
    call.hangup()
    call.expect("ended")
    assert site.twilio.wait_for_call(lambda it: it["sid"] == child["sid"] and it["status"] == "completed")


def test_a_refer_to_more_characters_than_twilio_takes(site: Site) -> None:
    call = site.call(f'<Dial referUrl="{site.application.url}/refer"><Number>+15551230000</Number></Dial>')
    talking(site, call)
    assert call.refer(f"<sip:200@pbx.example?X-Ticket={'T' * 256}>") == 400
    call.hangup()
    call.expect("ended")


def test_a_bad_configuration_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text("domains: 1\n")
    command = [sys.executable, "-m", "gateway", "lab", "twilio", "--config", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 3
    assert f"{path}: domains: must be a mapping" in run.stderr


def test_an_address_that_is_taken_is_said(site: Site, tmp_path: Path) -> None:
    path = write_lab(tmp_path, site.application, sip=site.twilio.sip)
    command = [sys.executable, "-m", "gateway", "lab", "twilio", "--config", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 3
    assert run.stderr.startswith(f"no SIP at {site.twilio.sip.replace(':', ' port ')}: ")
