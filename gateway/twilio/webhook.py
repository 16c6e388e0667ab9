"""The ASGI application that answers Twilio's voice webhook: verifies who asks, reads the context, forwards the call.

Knows no socket. Values of context are not logged, nor is who calls.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from gateway.core.application import accepted, read_headers
from gateway.core.contract import Contract
from gateway.core.plan import Account, Webhook
from gateway.core.profile import Profile
from gateway.core.scopes import Message, takes_part
from gateway.core.terms import Direction, On, Side
from gateway.core.throttle import Throttle
from gateway.core.uui import UuiSetup
from gateway.twilio.answer import build_answer

LARGEST_BODY_BYTES = 65536
MOST_PARAMETERS = 1000
PREFIX = "SipHeader_"

log = logging.getLogger("gateway.webhook")

Pairs = Sequence[tuple[str, str]]


class Parameters(dict[str, list[str]]):
    """A form whose names can be there several times, as Twilio's validator wants it."""

    def getlist(self, name: str) -> list[str]:
        """Every value of a name."""
        return self[name]


def build_application(account: Account, webhook: Webhook, contract: Contract, profile: Profile) -> Starlette:
    """One path, that of the webhook's URL, and POST only; `profile` is that of the trunk on Twilio's side."""
    desk = _Desk(account, webhook, contract, profile)
    return Starlette(routes=[Route(urlsplit(webhook.url).path or "/", desk.answer, methods=["POST"])])


def read_context(contract: Contract, parameters: Pairs) -> tuple[dict[str, str], list[str]]:
    """The fields that the PBX's INVITE had, by the parameters that Twilio made of it; beside them, the invalid ones."""
    invite = Message(Direction.TO_TWILIO, On.INVITE, Side.PBX)
    fields = [one for one in contract.fields if takes_part(one, invite)]
    headers = [(name.removeprefix(PREFIX), value) for name, value in parameters if name.startswith(PREFIX)]
    values, problems = accepted(fields, read_headers(fields, headers, contract.uui.get(Side.TWILIO, UuiSetup())))
    return values, [problem.field for problem in problems]


class _Desk:
    """What the answers are made of."""

    def __init__(self, account: Account, webhook: Webhook, contract: Contract, profile: Profile) -> None:
        self._validator = RequestValidator(account.token)
        self._throttle = Throttle(time.monotonic)
        self._webhook = webhook
        self._contract = contract
        self._profile = profile

    async def answer(self, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response("the body is too large\n", 413, media_type="text/plain")
        pairs = _parse_form(body)
        if pairs is None or not self._is_twilios(request, pairs):
            self._refused(request)
            return Response("the signature does not fit\n", 403, media_type="text/plain")
        values, invalid = read_context(self._contract, pairs)
        answer = build_answer(self._webhook.forward, values, self._contract, self._profile)
        lost = [*invalid, *answer.left_out]
        fields = [name for name in values if name not in answer.left_out]
        log.info("webhook answered", extra={"call_sid": dict(pairs).get("CallSid"), "fields": fields, "lost": lost})
        return Response(answer.twiml, media_type="text/xml")

    def _refused(self, request: Request) -> None:
        left_out = self._throttle.admit("signature")
        if left_out is not None:
            address = request.client.host if request.client else None
            log.warning("webhook refused", extra={"source_address": address, "not_logged": left_out})

    def _is_twilios(self, request: Request, pairs: Pairs) -> bool:
        """Twilio signs the URL as it was configured there, so ours is the configured one with the query that came."""
        query = request.scope["query_string"].decode("latin-1")
        url = f"{self._webhook.url}?{query}" if query else self._webhook.url
        parameters = Parameters()
        for name, value in pairs:
            parameters.setdefault(name, []).append(value)
        return bool(self._validator.validate(url, parameters, request.headers.get("X-Twilio-Signature", "")))


async def _body(request: Request) -> bytes | None:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY_BYTES:
            return None
    return body


def _parse_form(body: bytes) -> Pairs | None:
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return None
