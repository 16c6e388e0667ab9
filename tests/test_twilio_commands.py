"""`gateway twilio`: what stands on its command line, what the configuration fills in, and how it ends."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway import twilio_side
from gateway.cli import main
from gateway.core.plan import Account
from gateway.errors import AccountError
from gateway.settings import load
from gateway.twilio.calling import Order, Prepared
from gateway.twilio_side import build_order, profile_of
from tests.settings.samples import SOUND

SID = "AC0123456789abcdef0123456789abcdef"
ACCOUNT = Account(SID, "t", caller="+15550100", answer_url="https://app.example.com/answered")
NEITHER = {"url": None, "twiml": None}
SECTION = f"""
context: {{fields: {{queue: {{pbx: "var:QUEUE", twilio: "header:X-Queue"}}}}}}
twilio:
  account_sid: {SID}
  auth_token: "abc"
  call: {{from: gateway, url: "https://app.example.com/answered"}}
"""
HOOK = '  webhook: {listen: "127.0.0.1:%d", url: "https://app.example.com/voice", forward: {client: alice}}\n'


def config(tmp_path: Path, text: str) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    return str(path)


def test_the_configuration_fills_in_what_the_command_line_leaves_out() -> None:
    order = build_order(ACCOUNT, "client:a", None, ["queue=a=b", "note=x y"], NEITHER)
    assert order == Order("client:a", "+15550100", {"queue": "a=b", "note": "x y"}, "https://app.example.com/answered")


def test_the_command_line_goes_first() -> None:
    answer = {"url": None, "twiml": "<Response/>"}
    assert build_order(ACCOUNT, "client:a", "me", [], answer) == Order("client:a", "me", {}, None, "<Response/>")
    answer = {"url": "https://other", "twiml": None}
    assert build_order(ACCOUNT, "client:a", "me", [], answer) == Order("client:a", "me", {}, "https://other")


@pytest.mark.parametrize(
    ("account", "fields", "complaint"),
    [
        (ACCOUNT, ["queue"], "--field queue must be NAME=VALUE, and each NAME once"),
        (ACCOUNT, ["queue="], "--field queue must be NAME=VALUE, and each NAME once"),
        (ACCOUNT, ["queue=a", "queue=b"], "--field queue must be NAME=VALUE, and each NAME once"),
        (Account(SID, "t"), [], "say who calls: --from, or twilio.call.from in the configuration"),
        (None, [], "say who calls: --from, or twilio.call.from in the configuration"),
    ],
)
def test_an_order_that_is_none_is_refused(account: Account | None, fields: Sequence[str], complaint: str) -> None:
    with pytest.raises(AccountError) as caught:
        build_order(account, "client:a", None, fields, NEITHER)
    assert str(caught.value) == complaint


def test_a_call_prints_its_sid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Prepared] = []
    monkeypatch.setattr(twilio_side, "place_call", lambda account, prepared: asked.append(prepared) or "CA1")
    arguments = ["--to", "sip:100@gw", "--field", "queue=sales"]
    assert main(["twilio", "call", config(tmp_path, SOUND + SECTION), *arguments]) == 0
    assert capsys.readouterr().out == "CA1\n"
    assert asked == [Prepared("sip:100@gw?X-Queue=sales", "gateway", "https://app.example.com/answered", None)]


@pytest.mark.parametrize(
    ("text", "arguments", "complaint"),
    [
        (SOUND + SECTION, ["--to", "nobody"], "'nobody' is neither sip:USER@HOST, client:NAME nor a number"),
        (SOUND + SECTION, ["--to", "sip:1@gw", "--field", "other=1"], "there is no field 'other'; there are queue"),
        (SOUND, ["--to", "sip:1@gw", "--from", "me"], "the configuration has no section twilio"),
    ],
)
def test_a_call_that_is_not_placed_is_1(
    text: str, arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["twilio", "call", config(tmp_path, text), *arguments]) == 1
    assert complaint in capsys.readouterr().err


def test_a_webhook_without_a_section_is_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in (SOUND, SOUND + SECTION):
        assert main(["twilio", "webhook", config(tmp_path, text)]) == 3
        assert capsys.readouterr().err == "the configuration has no twilio.webhook\n"


def test_a_webhook_whose_port_is_taken_is_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["twilio", "webhook", config(tmp_path, SOUND + SECTION + HOOK % port)]) == 3
    assert capsys.readouterr().err == f"the webhook cannot listen on 127.0.0.1:{port}\n"


def test_the_profile_is_that_of_a_sip_domain(tmp_path: Path) -> None:
    trunk = '  trunk: {side: twilio, profile: elastic-trunk, uris: ["sip:acme.pstn.twilio.com"]}\n'
    first = SOUND.replace("trunks:\n", "trunks:\n" + trunk) + "routes: [{from: pbx, to: trunk}]\n"
    only = SOUND.replace("side: twilio,", "side: twilio, profile: elastic-trunk,")
    for text in (first, only):
        assert profile_of(load(config(tmp_path, text)).plan()).name == "sip-domain"


@pytest.mark.parametrize(
    "arguments",
    [
        ["twilio"],
        ["twilio", "sing"],
        ["twilio", "call", "c"],
        ["twilio", "call", "c", "--to=a", "--url=b", "--twiml=c"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
