"""Secrets reach the plan and nothing else: no text that anybody could print has them in it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.core.handbook import build_handbook
from gateway.core.schema import build_schema
from gateway.errors import ConfigError
from gateway.settings import Settings, build_report
from tests.settings.samples import SOUND, Loader

SECRET = "hunter2.Sesame"
TWILIO = 'allow: ["twilio"]'


def with_password(password: str) -> str:
    return SOUND.replace(TWILIO, f"{TWILIO}, auth: {{username: gw, password: {password}}}")


def password_of(settings: Settings) -> str:
    auth = settings.plan().trunks[1].auth
    assert auth
    return auth.password


def test_a_secret_can_stand_in_the_file(load_text: Loader) -> None:
    assert password_of(load_text(with_password(f'"{SECRET}"'))) == SECRET


def test_a_secret_can_come_from_the_environment(load_text: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", SECRET)
    assert password_of(load_text(with_password('"${GATEWAY_TEST_SECRET}"'))) == SECRET


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["no line end", "LF", "CRLF"])
def test_a_secret_can_come_from_a_file(end: str, load_text: Loader, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes((SECRET + end).encode())
    assert password_of(load_text(with_password(f'"${{file:{tmp_path}/secret}}"'))) == SECRET


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"x" * 1025, "holds more than the 1024 characters of the longest secret"),
        (b"x" * 100_000, "holds more than the 1024 characters of the longest secret"),
        (b"one\ntwo\n", "holds a line break or control character; a secret is one line of text"),
        (b"\xff", "is not UTF-8 text"),
    ],
)
def test_a_file_without_a_usable_secret(
    content: bytes, complaint: str, complaints: Callable[[str], list[str]], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    lines = complaints(with_password(f'"${{file:{secret}}}"'))
    assert lines == [f"trunks.twilio.auth.password: the file {secret} {complaint}"]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("", "is empty"),
        ("one\ntwo", "holds a line break or control character; a secret is one line of text"),
        ("\udcff", "holds a line break or control character; a secret is one line of text"),
    ],
)
def test_a_variable_without_a_usable_secret(
    value: str, complaint: str, complaints: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", value)
    lines = complaints(with_password('"${GATEWAY_TEST_SECRET}"'))
    assert lines == [f"trunks.twilio.auth.password: the environment variable GATEWAY_TEST_SECRET {complaint}"]


def test_nothing_that_can_be_printed_has_a_secret(load_text: Loader) -> None:
    text = with_password(f'"{SECRET}"') + f'admin: {{token: "{SECRET}"}}\n'
    access = f'{{url: "ami://127.0.0.2:5038", username: gw, password: "{SECRET}"}}'
    settings = load_text(text.replace("side: pbx,", f"side: pbx, write_back: {access},"))
    configuration, plan = settings.configuration, settings.plan()
    assert (password_of(settings), plan.admin.token) == (SECRET, SECRET)
    assert plan.trunks[0].write_back and plan.trunks[0].write_back.password == SECRET
    printable = [
        *(form(thing) for form in (repr, str) for thing in (settings, configuration, plan, configuration.admin)),
        *(form(trunk) for form in (repr, str) for trunk in (*plan.trunks, *configuration.trunks.values())),
        *(repr(plan.admin), repr(plan.trunks[1].auth), f"{plan!s}", f"{plan.trunks[1].auth}"),
        repr(configuration.model_dump()),
        str(configuration.model_dump(mode="json")),
        configuration.model_dump_json(),
        json.dumps(settings.public()),
        build_report(settings),
    ]
    assert [text for text in printable if SECRET in text] == []


@pytest.mark.parametrize("private", ["pii", "secret"])
def test_values_of_a_private_field_that_stand_in_the_file(private: str, load_text: Loader) -> None:
    fields = f"""
context:
  fields:
    key: {{pbx: "const:{SECRET}", twilio: "header:X-Key", direction: to_twilio, class: {private}}}
    pin: {{pbx: "header:X-Pin", twilio: "header:X-Pin", class: {private}, default: "{SECRET}"}}
    plan: {{pbx: "var:PLAN", twilio: "header:X-Plan", direction: to_twilio, class: {private},
           transform: [trim, {{lookup: {{"1": "{SECRET}"}}}}]}}
    open: {{pbx: "const:open", twilio: "header:X-Open", direction: to_twilio, default: "shown"}}
"""
    settings = load_text(SOUND + fields)
    contract = settings.plan().contract
    profile = settings.plan().trunks[1].profile
    told = [
        json.dumps(settings.public()),
        build_report(settings),
        json.dumps(build_schema(contract, profile)),
        build_handbook(contract, profile),
    ]
    assert [text for text in told if SECRET in text] == []
    context = settings.public()["context"]
    assert isinstance(context, dict)
    shown = context["fields"]
    assert [shown[name]["pbx"] for name in ("key", "open")] == ["const:***", "const:open"]
    assert [shown[name]["default"] for name in ("key", "pin", "open")] == [None, "***", "shown"]
    assert shown["plan"]["transform"] == ["trim", {"lookup": "***"}]


def test_a_hidden_value_is_part_of_what_a_configuration_is_named_by(load_text: Loader) -> None:
    text = SOUND + 'context: {fields: {pin: {pbx: "var:A", twilio: "header:X-A", class: secret, default: "1"}}}'
    assert load_text(text).plan().hash != load_text(text.replace('default: "1"', 'default: "2"')).plan().hash


def test_check_does_not_print_a_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(with_password(f'"{SECRET}"') + f'admin: {{token: "{SECRET}"}}\n')
    assert main(["check", str(file)]) == 0
    printed = capsys.readouterr()
    assert "token set" in printed.out
    assert SECRET not in printed.out + printed.err


BROKEN = {
    "beside an unknown key": with_password(f'"{SECRET}", realm: x'),
    "not YAML": with_password(f'"{SECRET}"]'),
    "an anchor": with_password(f"&{SECRET}"),
    "an alias": with_password(f"*{SECRET}"),
    "a tag": with_password(f"!{SECRET} x"),
    "a tag handle": with_password(f"!{SECRET}!x"),
    "no space after the colon": with_password("x").replace("password: x", f"password:{SECRET}"),
    "without its key": SOUND.replace(TWILIO, f'{TWILIO}, auth: "{SECRET}"'),
    "a list": with_password(f'["{SECRET}"]'),
    "a mapping": with_password(f'{{"{SECRET}": x}}'),
    "as a key of a trunk": SOUND.replace(TWILIO, f'{TWILIO}, password: "{SECRET}"'),
    "twice": with_password(f'"{SECRET}", password: "{SECRET}"'),
    "half a variable": with_password(f'"{SECRET}${{X}}"'),
    "with a line break": with_password(f'"{SECRET}\\n"'),
    "in the URL of an interface": SOUND.replace(
        "side: pbx,", f'side: pbx, write_back: {{url: "http://gw:{SECRET}@127.0.0.2/ari"}},'
    ),
    "in a URI": SOUND.replace("sip:acme", f"sip:gw:{SECRET}@acme"),
    "a token with a blank": SOUND + f'admin: {{token: "{SECRET} x"}}\n',
    "a section": SOUND + f"admin: {SECRET}\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_no_problem_shows_a_secret(text: str, load_text: Loader) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    assert caught.value.problems
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_number_as_a_secret_is_not_shown(complaints: Callable[[str], list[str]]) -> None:
    (line,) = complaints(with_password("0123456789"))
    assert line == "trunks.twilio.auth.password: is read as a number by YAML; put it in quotes"
