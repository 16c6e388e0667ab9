"""`gateway explain` and `gateway contract`: what they print and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from tests.settings.samples import SOUND

CONTEXT = """
context:
  missing: reject
  fields:
    queue: {pbx: "var:QUEUE", twilio: "header:X-Queue", required: true}
    agent: {pbx: "var:AGENT", twilio: "header:X-Agent", on: [end]}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_text(SOUND + CONTEXT)
    return str(path)


def message(tmp_path: Path, text: str) -> str:
    path = tmp_path / "message.sip"
    path.write_bytes(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    return str(path)


def test_explain_says_it_in_words(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = message(tmp_path, "INVITE sip:1@h SIP/2.0\nX-PBX-QUEUE: a&b")
    assert main(["explain", config, "--direction", "to_twilio", file]) == 0
    assert (
        capsys.readouterr().out
        == """\
invite of a call to_twilio, from pbx to twilio (profile sip-domain): 10 of 800 bytes of context

FIELD  READ FROM  WRITTEN TO      OUTCOME  BYTES  REASON
queue  var:QUEUE  header:X-Queue  sent     10     -

headers that leave:
  X-Queue: a&b

webhook parameters:
  SipHeader_X-Queue = a&b

as posted: SipHeader_X-Queue=a%26b
"""
    )


def test_explain_says_why_a_call_is_refused(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = message(tmp_path, "INVITE sip:1@h SIP/2.0")
    assert main(["explain", config, "--direction", "to_pbx", file]) == 0
    printed = capsys.readouterr().out
    assert "the call is refused: 400 missing-context: context field queue (header:X-Queue) is required" in printed
    assert "headers that leave:\n  none" in printed
    assert "webhook" not in printed


def test_explain_without_fields_says_so(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = message(tmp_path, "SIP/2.0 200 OK")
    assert main(["explain", config, "--direction", "to_pbx", "--on", "answer", file]) == 0
    assert capsys.readouterr().out.startswith(
        "answer of a call to_pbx, from pbx to twilio (profile sip-domain): 0 of 800"
    )


def test_explain_gives_one_object(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = message(tmp_path, "BYE sip:1@h SIP/2.0\nX-PBX-AGENT: é")
    assert main(["explain", config, "--direction=to_pbx", "--on=end", "--from=pbx", "--json", file]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["headers"] == [["X-Agent", "é"]]
    assert (found["on"], found["webhook"]) == ("end", {"DialSipHeader_X-Agent": "é"})


def test_a_message_of_another_kind_is_explained_with_a_warning(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = message(tmp_path, "SIP/2.0 200 OK\nCSeq: 1 INVITE\nX-PBX-QUEUE: a")
    assert main(["explain", config, "--direction", "to_twilio", "--json", file]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["headers"] == [["X-Queue", "a"]]
    assert printed.err == (
        f"{file}: warning: the message is a response of 200, and invite is INVITE; it is read as one all the same\n"
    )


def test_explain_says_what_becomes_of_a_refer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(SOUND + CONTEXT.replace("on: [end]", "on: [refer]"))
    file = message(tmp_path, "REFER sip:1@h SIP/2.0\nRefer-To: <sip:2@h?X-PBX-AGENT=Alice>")
    arguments = ["--direction", "to_pbx", "--on", "refer", "--from", "pbx", file]
    assert main(["explain", str(path), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "these go into the INVITE to whom the REFER names, over what the call's own INVITE carried" in printed
    assert "SipHeader_X-Agent = Alice" in printed


def test_a_sender_that_cannot_be_is_wrong_usage(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", config, "--direction", "to_pbx", "--from", "pbx", "x.sip"]) == 2
    assert capsys.readouterr().err == "gateway explain: --from must be twilio for invite to_pbx\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["explain", "a.yaml", "b.sip"], "the following arguments are required: --direction"),
        (
            ["explain", "a.yaml", "--direction", "up", "b.sip"],
            "argument --direction: invalid choice: up (choose from to_twilio, to_pbx)",
        ),
        (
            ["explain", "a.yaml", "--direction", "to_pbx", "--on", "ack", "b.sip"],
            "argument --on: invalid choice: ack (choose from invite, progress, answer, end, refer)",
        ),
        (
            ["explain", "a.yaml", "--direction", "to_pbx", "--from", "both", "b.sip"],
            "argument --from: invalid choice: both (choose from pbx, twilio)",
        ),
        (
            ["contract", "a.yaml", "--format", "pdf"],
            "argument --format: invalid choice: pdf (choose from json-schema, markdown)",
        ),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_right(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    # Later versions of Python leave the quotes out.
    said = capsys.readouterr().err.replace("'", "")
    assert said.endswith(f"gateway {arguments[0]}: error: {complaint}\n")


def test_a_file_that_is_no_message_is_1(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = message(tmp_path, "hello")
    assert main(["explain", config, "--direction", "to_pbx", file]) == 1
    assert capsys.readouterr().err == f"{file}: the first line is neither a SIP/2.0 request nor a SIP/2.0 response\n"
    assert main(["explain", config, "--direction", "to_pbx", "not-there.sip"]) == 1
    assert capsys.readouterr().err == "not-there.sip: No such file or directory\n"


@pytest.mark.parametrize("arguments", [["explain", "--direction", "to_pbx", "m.sip"], ["contract"]])
def test_a_bad_configuration_is_1(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([arguments[0], "not-there.yaml", *arguments[1:]]) == 1
    assert capsys.readouterr().err == "not-there.yaml: cannot be read: No such file or directory\n"


def test_the_contract_is_a_schema_by_default(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", config]) == 0
    assert list(json.loads(capsys.readouterr().out)["properties"]) == ["queue", "agent"]


def test_the_contract_is_a_document_when_asked(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", config, "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Context of calls through the gateway\n")
    assert "X-Queue=example" in printed


def test_the_contract_is_that_of_a_trunk_that_can_send_headers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = '  first: {side: twilio, profile: elastic-trunk, uris: ["sip:acme.pstn.twilio.com"]}\n'
    text = SOUND.replace("trunks:\n", "trunks:\n" + more) + "routes: [{from: pbx, to: twilio}]\n" + CONTEXT
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    assert main(["contract", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["queue"]["x-sip-uri-header"] == "X-Queue"
