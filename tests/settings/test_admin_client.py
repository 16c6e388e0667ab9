"""The commands that ask a running gateway: what is asked, and what is said of the answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gateway.admin_client import TOKEN_VARIABLE
from gateway.cli import main


@dataclass
class Admin:
    """A stand-in for the admin server: says what it was told to, remembers what it was asked."""

    url: str = ""
    code: int = 200
    body: bytes = b"{}"
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Admin]:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    it = Admin()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            it.asked.append((self.command, self.path, self.headers["Authorization"]))
            self.send_response(it.code)
            self.send_header("Content-Length", str(len(it.body)))
            self.end_headers()
            self.wfile.write(it.body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test's output is its own."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        it.url = f"http://127.0.0.1:{server.server_port}"
        yield it
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("command", "method", "path"),
    [
        ("calls", "GET", "/calls"),
        ("status", "GET", "/status"),
        ("drain", "POST", "/drain"),
        ("reload", "POST", "/reload"),
    ],
)
def test_each_command_asks_for_its_own(
    command: str, method: str, path: str, admin: Admin, capsys: pytest.CaptureFixture[str]
) -> None:
    admin.body = json.dumps({"phase": "running", "note": "\x1b[31m"}).encode()
    assert main([command, "--admin", admin.url]) == 0
    assert admin.asked == [(method, path, None)]
    assert capsys.readouterr().out == '{\n  "phase": "running",\n  "note": "\\u001b[31m"\n}\n'


def test_a_long_answer_may_be_read_in_part(admin: Admin) -> None:
    admin.body = json.dumps(["a call"] * 100_000).encode()
    command = [sys.executable, "-m", "gateway", "calls", "--admin", admin.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asking:
        assert asking.stdout and asking.stderr
        assert asking.stdout.readline() == "[\n"
        asking.stdout.close()
        assert (asking.wait(25), asking.stderr.read()) == (-signal.SIGPIPE, "")


def test_the_token_comes_from_the_environment(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "sesame")
    assert main(["drain", "--admin", admin.url + "/"]) == 0
    assert admin.asked == [("POST", "/drain", "Bearer sesame")]


def test_a_token_that_is_none_is_not_sent(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "sesame\nX-Other: y")
    assert main(["drain", "--admin", admin.url]) == 1
    assert admin.asked == []
    assert capsys.readouterr().err == "GATEWAY_ADMIN_TOKEN holds characters that no admin token has\n"


@pytest.mark.parametrize(
    ("code", "body", "said"),
    [
        (401, b'{"error": "this needs the admin token"}', "says 401: this needs the admin token"),
        (
            422,
            b'{"error": "the configuration has problems", "problems": ["a.yaml: sip: is missing"]}',
            "says 422: the configuration has problems\na.yaml: sip: is missing",
        ),
        (503, b"<html>", "says 503: nothing a gateway would say (Service Unavailable)"),
        (500, b"[]", "says 500: nothing a gateway would say (Internal Server Error)"),
    ],
)
def test_a_refusal_is_said(code: int, body: bytes, said: str, admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.code, admin.body = code, body
    assert main(["reload", "--admin", admin.url]) == 1
    assert capsys.readouterr().err == f"the gateway at {admin.url} {said}\n"


def test_something_else_that_answers(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    admin.body = b"<html>"
    assert main(["status", "--admin", admin.url]) == 1
    text = f"what answers at {admin.url}/status is no gateway: it does not speak JSON\n"
    assert capsys.readouterr().err == text


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--admin", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith("no gateway answers at http://127.0.0.1:1: ")


@pytest.mark.parametrize(
    "url", ["nonsense", "", "127.0.0.1:9464", "http://", "http://127.0.0.1:port", "ftp://127.0.0.1:9464"]
)
def test_what_is_no_url_is_wrong_usage(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["status", "--admin", url])
    said = f"argument --admin: {url!r} is not a URL such as http://127.0.0.1:9464\n"
    assert capsys.readouterr().err.endswith(said)
