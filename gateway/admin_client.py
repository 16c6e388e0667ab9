"""Talks to the admin HTTP server of a running gateway; knows its paths, not what the answers mean."""

from __future__ import annotations

import json
import os
from typing import Final

import httpx

from gateway.errors import AdminError

DEFAULT_URL: Final = "http://127.0.0.1:9464"
TOKEN_VARIABLE: Final = "GATEWAY_ADMIN_TOKEN"
"""Where the token is taken from: on a command line every user of the machine could read it."""

TIMEOUT_SECONDS: Final = 15.0
READING: Final = {"calls": "/calls", "status": "/status"}
CHANGING: Final = {"drain": "/drain", "reload": "/reload"}


def is_url(text: str) -> bool:
    """Whether something can be asked there."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def ask(command: str, url: str) -> str:
    """Do one of the commands of `READING` and `CHANGING`; gives the answer as indented ASCII JSON. `url` is one.

    Raises:
        AdminError: nobody answered, or the answer is a refusal.
    """
    method, path = ("GET", READING[command]) if command in READING else ("POST", CHANGING[command])
    try:
        response = httpx.request(
            method, url.rstrip("/") + path, headers=_authorization(), timeout=TIMEOUT_SECONDS, trust_env=False
        )
    except httpx.HTTPError as error:
        raise AdminError(f"no gateway answers at {url}: {error or type(error).__name__}") from error
    if response.is_success:
        return _indented(response)
    raise AdminError(f"the gateway at {url} says {response.status_code}: {_reason(response)}")


def _authorization() -> dict[str, str]:
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        return {}
    if not token.isascii() or not token.isprintable():
        raise AdminError(f"{TOKEN_VARIABLE} holds characters that no admin token has")
    return {"Authorization": f"Bearer {token}"}


def _indented(response: httpx.Response) -> str:
    try:
        return json.dumps(response.json(), indent=2)
    except ValueError as error:
        raise AdminError(f"what answers at {response.url} is no gateway: it does not speak JSON") from error


def _reason(response: httpx.Response) -> str:
    """The error that the gateway names, with the problems of a refused configuration."""
    try:
        answer = response.json()
        lines = [answer["error"], *answer.get("problems", [])]
        return "\n".join(map(str, lines))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"nothing a gateway would say ({response.reason_phrase})"
