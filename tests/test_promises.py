"""What users were promised, tried as one of them would: a whole file, the commands, their output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.cli import main
from tests.settings.samples import TLS

PASSWORD = "Sup3r-secret-word"

CONFIGURATION = f"""\
sip:
  listen: ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060", "tls://0.0.0.0:5061"]
  public_address: 203.0.113.7
  tls: {{certificate: {TLS}/certificate.pem, private_key: {TLS}/key.pem, ca_list: {TLS}/certificate.pem}}
media:
  mode: relay
  rtp_ports: 20000-29999
  codecs: [PCMU, PCMA]
admin: {{listen: "127.0.0.1:9464"}}
limits: {{calls: 500, calls_per_second: 30, ring_seconds: 60, call_seconds: 14400}}

trunks:
  pbx:
    side: pbx
    uris: ["sip:10.0.0.5:5060"]
    allow: ["10.0.0.5/32"]
    variables: asterisk
  twilio:
    side: twilio
    profile: sip-domain
    uris: ["sip:acme.sip.ashburn.twilio.com;transport=tls", "sip:acme.sip.dublin.twilio.com;transport=tls"]
    allow: ["twilio"]
    srtp: required
    auth: {{username: gw, password: "${{TWILIO_SIP_PASSWORD}}"}}

routes:
  - {{from: pbx, match: "^9(\\\\+?[0-9]+)$", to: twilio, user: "\\\\1"}}

context:
  uui: {{pbx: {{format: text, encoding: hex, discriminator: "00"}}, twilio: {{format: kv, encoding: hex}}}}
  fields:
    customer_id:         {{pbx: "var:CUSTOMER_ID", twilio: "header:X-CustomerID", required: true, max_bytes: 64}}
    selected_product_id: {{pbx: "var:PRODUCT_ID", twilio: "header:X-SelectedProductID"}}
    queue:               {{pbx: "header:X-Queue", twilio: "header:X-Queue", default: general, priority: 10}}
    caller_name: {{pbx: "sip:from.display", twilio: "header:X-Caller-Name", direction: to_twilio, class: pii}}
    account:             {{pbx: "header:User-to-User", twilio: "uui:account"}}
    twilio_call_sid: {{twilio: "header:X-Twilio-CallSid", pbx: "var:TWILIO_CALL_SID", direction: to_pbx}}
    disposition:
      {{pbx: "header:X-Disposition", twilio: "header:X-Disposition", direction: to_pbx, on: [answer, end]}}
"""

FROM_THE_PBX = """\
INVITE sip:9+15551234567@203.0.113.7 SIP/2.0
From: "Alice é" <sip:100@10.0.0.5>;tag=1
CSeq: 1 INVITE
X-PBX-CUSTOMER-ID: C&4711
X-PBX-PRODUCT-ID: {product}
X-Evil: crosses nothing
X-Twilio-CallSid: forged
User-to-User: 00414243;encoding=hex

"""
FROM_TWILIO = """\
INVITE sip:100@203.0.113.7 SIP/2.0
From: <sip:+15550100@sip.twilio.com>;tag=1
CSeq: 1 INVITE
x-customerid: C-4711
X-Twilio-CallSid: CA0123456789abcdef0123456789abcdef
User-to-User: 6163636F756E743D3432;encoding=hex

"""
OUTCOMES = {"sent", "defaulted", "absent", "missing", "truncated", "dropped", "rejected", "invalid"}


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


class Machine:
    """A folder with a configuration, where the command is run; in this process, which saves a second each."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.write("gateway.yaml", CONFIGURATION)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def run(self, *arguments: str) -> Ended:
        self.capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *self.capsys.readouterr())

    def explained(self, message: str, *arguments: str) -> Any:
        self.write("message.sip", message.replace("\n", "\r\n"))
        ended = self.run("explain", "gateway.yaml", "message.sip", "--json", *arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
        return json.loads(ended.stdout)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Machine:
    monkeypatch.setenv("TWILIO_SIP_PASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path, capsys)


def test_the_configuration_of_the_design_is_sound(machine: Machine) -> None:
    ended = machine.run("check", "gateway.yaml")
    assert (ended.returncode, ended.stderr) == (0, "")
    for part in ("sip:10.0.0.5:5060", "sip-domain", "customer_id", "limit 800", "^9(\\+?[0-9]+)$", "required"):
        assert part in ended.stdout
    assert PASSWORD not in ended.stdout


@pytest.mark.parametrize(
    ("was", "becomes", "place"),
    [
        ("mode: relay", "mode: relay\n  colour: red", "media.colour"),
        ("mode: relay", "mode: relay\n  mode: relay", "media.mode"),
        ("default: general", "default: 0123", "context.fields.queue.default"),
        ("ring_seconds: 60", "ring_seconds: soon", "limits.ring_seconds"),
        ("[PCMU, PCMA]", "[PCMU, G729]", "media.codecs[1]"),
        ("username: gw", 'username: ""', "trunks.twilio.auth.username"),
        ("username: gw", 'username: "${HOME}"', "trunks.twilio.auth.username"),
        ("public_address: 203.0.113.7", 'public_address: "${file:/etc/hostname}"', "sip.public_address"),
        ("${TWILIO_SIP_PASSWORD}", "${NOT_SET_ANYWHERE}", "trunks.twilio.auth.password"),
        ("header:X-SelectedProductID", "header:Via", "context.fields.selected_product_id.twilio"),
        ("header:X-SelectedProductID", "header:X-Twilio-Product", "context.fields.selected_product_id.twilio"),
    ],
)
def test_a_mistake_is_told_with_its_place(machine: Machine, was: str, becomes: str, place: str) -> None:
    machine.write("bad.yaml", CONFIGURATION.replace(was, becomes, 1))
    ended = machine.run("check", "bad.yaml")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"bad.yaml: {place}: ")


def test_all_mistakes_are_told_at_once(machine: Machine) -> None:
    bad = CONFIGURATION.replace("mode: relay", "mode: fax").replace("side: pbx", "side: left").replace("udp:", "sctp:")
    machine.write("bad.yaml", bad)
    places = [line.split(": ")[1] for line in machine.run("check", "bad.yaml").stderr.splitlines()]
    assert places == ["sip.listen[0]", "media.mode", "trunks.pbx.side"]


def test_a_secret_can_be_in_a_file(machine: Machine) -> None:
    machine.write("password", PASSWORD + "\n")
    machine.write("gateway.yaml", CONFIGURATION.replace("TWILIO_SIP_PASSWORD", f"file:{machine.folder}/password"))
    ended = machine.run("check", "gateway.yaml")
    assert ended.returncode == 0
    assert PASSWORD not in ended.stdout


def test_explain_says_what_twilio_gets(machine: Machine) -> None:
    found = machine.explained(FROM_THE_PBX.format(product="42"), "--direction", "to_twilio")
    assert list(found) == [
        "direction", "on", "headers", "webhook", "webhook_form", "bytes", "budget", "receipt", "rejected",
    ]  # fmt: skip
    uui = "6163636F756E743D3030343134323433253342656E636F64696E67253344686578;encoding=hex"
    assert found["headers"] == [
        ["X-CustomerID", "C&4711"],
        ["X-SelectedProductID", "42"],
        ["X-Queue", "general"],
        ["X-Caller-Name", "Alice é"],
        ["User-to-User", uui],
    ]
    assert found["webhook"] == {f"SipHeader_{name}": value for name, value in found["headers"]}
    assert found["webhook_form"].startswith("SipHeader_X-CustomerID=C%264711&SipHeader_X-SelectedProductID=42&")
    sizes = [len(name) + len(value.encode()) for name, value in found["headers"]]
    assert (found["bytes"], found["budget"], found["rejected"]) == (sum(sizes), 800, None)
    assert [entry["bytes"] for entry in found["receipt"]] == sizes


def test_explain_says_what_the_pbx_gets(machine: Machine) -> None:
    found = machine.explained(FROM_TWILIO, "--direction", "to_pbx")
    assert found["headers"] == [
        ["X-PBX-CUSTOMER-ID", "C-4711"],
        ["X-Queue", "general"],
        ["User-to-User", "42"],
        ["X-PBX-TWILIO-CALL-SID", "CA0123456789abcdef0123456789abcdef"],
    ]
    assert (found["webhook"], found["webhook_form"]) == (None, None)


def test_a_receipt_has_an_entry_for_each_field(machine: Machine) -> None:
    found = machine.explained(FROM_THE_PBX.format(product="x" * 900), "--direction", "to_twilio")
    keys = ["field", "direction", "on", "source", "target", "outcome", "bytes", "reason"]
    assert all(list(entry) == keys for entry in found["receipt"])
    outcomes = {entry["field"]: entry["outcome"] for entry in found["receipt"]}
    assert set(outcomes.values()) <= OUTCOMES
    assert outcomes == {
        "customer_id": "sent",
        "selected_product_id": "dropped",
        "queue": "defaulted",
        "caller_name": "sent",
        "account": "sent",
    }
    assert "Alice" not in json.dumps(found["receipt"])


def test_context_goes_back_with_the_answer(machine: Machine) -> None:
    answer = "SIP/2.0 200 OK\nCSeq: 1 INVITE\nX-Disposition: sold\n\n"
    found = machine.explained(answer, "--direction", "to_pbx", "--on", "answer")
    assert (found["on"], found["headers"]) == ("answer", [["X-Disposition", "sold"]])
    assert found["webhook"] == {"SipHeader_X-Disposition": "sold"}


def test_a_required_field_can_refuse_the_call(machine: Machine) -> None:
    machine.write("gateway.yaml", CONFIGURATION.replace("context:\n", "context:\n  missing: reject\n"))
    found = machine.explained("INVITE sip:9+1555@h SIP/2.0\nCSeq: 1 INVITE\n\n", "--direction", "to_twilio")
    assert (found["headers"], found["rejected"]["code"]) == ([], 400)
    assert "customer_id" in found["rejected"]["warning"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "gateway.yaml"], 0),
        (["contract", "gateway.yaml"], 0),
        (["check", "none.yaml"], 1),
        (["explain", "gateway.yaml", "none.sip", "--direction", "to_pbx"], 1),
        (["contract", "none.yaml"], 1),
        (["status", "--admin", "http://127.0.0.1:1"], 1),
        ([], 2),
        (["explode"], 2),
        (["check"], 2),
        (["explain", "gateway.yaml", "none.sip"], 2),
        (["run", "none.yaml"], 3),
    ],
)
def test_exit_codes(machine: Machine, arguments: list[str], code: int) -> None:
    ended = machine.run(*arguments)
    assert ended.returncode == code
    assert bool(ended.stderr) is (code != 0)
    assert "Traceback" not in ended.stderr


def test_the_contract_is_for_machines_and_for_people(machine: Machine) -> None:
    schema = json.loads(machine.run("contract", "gateway.yaml").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["customer_id"]
    assert schema["properties"]["customer_id"]["x-webhook"] == {"invite": "SipHeader_X-CustomerID"}
    text = machine.run("contract", "gateway.yaml", "--format", "markdown").stdout
    assert "| customer_id | `SipHeader_X-CustomerID` |" in text
    assert "<Sip>sip:" in text
