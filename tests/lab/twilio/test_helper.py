"""`gateway twilio` beside the stand-in: calls it places reach whom they are for, and its webhook forwards calls."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from twilio.twiml.voice_response import VoiceResponse

from gateway.cli import main
from gateway.lab.daemon import free_port
from gateway.lab.twilio.settings import ACCOUNT_SID, AUTH_TOKEN
from tests.lab.twilio.chain import APPLICATION, WAIT_SECONDS, Chain
from tests.lab.twilio.test_ways import answer, call_twilio, context, hang_up
from tests.process.waiting import wait_until

HOSTILE = 'a;b=c & "d" <e> 100%'


def configuration(chain: Chain, **more: Any) -> Path:
    """The running gateway's, with an account at the stand-in."""
    tree = yaml.safe_load((chain.folder / "gateway.yaml").read_text())
    tree["twilio"] = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "api_url": chain.twilio.url, **more}
    path = chain.folder / "application.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def place(chain: Chain, to: str, url: str, *fields: str) -> int:
    config = str(configuration(chain, call={"from": "+15550001111", "url": url}))
    return main(["twilio", "call", config, "--to", to, *(f"--field={text}" for text in fields)])


def test_a_call_to_sip_reaches_the_pbx_with_its_context(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    url = chain.application.answer("/then", "<Response><Pause length='30'/></Response>")
    assert place(chain, chain.pbx_uri(), url, "customer_id=C-4711", f"note={HOSTILE}") == 0
    arrived = answer(chain)
    given = context(arrived)
    assert (given["X-PBX-CUSTOMER-ID"], given["X-PBX-NOTE"]) == ("C-4711", HOSTILE)
    assert given["X-PBX-TWILIO-CALL-SID"] == capsys.readouterr().out.strip()
    hang_up(arrived)


def test_a_call_to_a_client_has_custom_parameters(chain: Chain) -> None:
    url = chain.application.answer("/then", "<Response/>")
    with chain.twilio.client("bob") as bob:
        assert place(chain, "client:bob", url, "customer_id=Zoë", f"note={HOSTILE}") == 0
        incoming = bob.expect("incoming")
        assert incoming["customParameters"] == {"customer_id": "Zoë", "note": HOSTILE}
        bob.accept(incoming)
        assert bob.expect("ended")["call"] == incoming["call"]


def test_a_call_to_a_number_tells_the_application(chain: Chain) -> None:
    url = chain.application.answer("/then", "<Response><Hangup/></Response>")
    assert place(chain, "+15551230000", f"{url}?order=7", "customer_id=C&1") == 0
    params = chain.application.expect("/then")
    assert (params["order"], params["customer_id"]) == ("7", "C&1")


def test_what_would_not_arrive_calls_nobody(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(chain.twilio.calls())
    assert place(chain, chain.pbx_uri(), "https://app.example.com/v", "customer_id=Zoë") == 1
    assert capsys.readouterr().err.startswith("X-CustomerID would not be sent by Twilio: ")
    assert len(chain.twilio.calls()) == before


@contextmanager
def webhook(chain: Chain, forward: dict[str, str]) -> Iterator[None]:
    """The webhook as the process that a customer runs; the application sends calls on to it."""
    port = free_port(APPLICATION, socket.SOCK_STREAM)
    url = f"http://{APPLICATION}:{port}/voice"
    hook = {"listen": f"{APPLICATION}:{port}", "url": url, "forward": forward}
    command = [sys.executable, "-m", "gateway", "twilio", "webhook", str(configuration(chain, webhook=hook))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    response = VoiceResponse()
    response.redirect(url)
    chain.application.answer("/voice", response)
    try:
        wait_until(lambda: is_listening(port), "the webhook listens")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, complaint) == (0, b"")


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((APPLICATION, port)) == 0


def test_the_webhook_forwards_to_a_client(chain: Chain) -> None:
    with webhook(chain, {"client": "alice"}), chain.twilio.client("alice") as alice:
        call = call_twilio(chain, ("X-PBX-CUSTOMER-ID", "Zoë"), ("X-PBX-NOTE", HOSTILE), ("X-Other", "1"))
        incoming = alice.expect("incoming")
        assert incoming["customParameters"] == {"customer_id": "Zoë", "note": HOSTILE}
        alice.accept(incoming)
        call.expect("audio")
        hang_up(call)
        alice.expect("ended")


def test_the_webhook_forwards_to_sip(chain: Chain) -> None:
    with webhook(chain, {"sip": chain.pbx_uri("200")}):
        call = call_twilio(chain, ("X-PBX-CUSTOMER-ID", "C-4711"), ("X-PBX-NOTE", HOSTILE))
        arrived = answer(chain)
        given = context(arrived)
        assert (given["X-PBX-CUSTOMER-ID"], given["X-PBX-NOTE"]) == ("C-4711", HOSTILE)
        hang_up(call)
        arrived.expect("ended")
