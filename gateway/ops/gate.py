"""Who may ask what of the admin interface, and what happens when an answer fails; it knows no resource.

Reading is open. Anything else needs the token if one is configured (401 without it), and without one must come from
this machine: not from another address, and not from a browser's page or a proxy, which say so in a header (403).
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.core.throttle import Throttle
from gateway.ops.answers import error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

READING = frozenset({"GET", "HEAD"})
FROM_ELSEWHERE = ("origin", "forwarded", "x-forwarded-for")
"""Headers with which a request that reaches us over loopback says that it began elsewhere."""
SHOWN_CHARACTERS = 200
SMALL_BODY_BYTES = 256

log = logging.getLogger(__name__)


class Gate:
    """Turns away who may not ask, and what no request here needs: a body. A small one does no harm, and is not read."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._refusals = Throttle(time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        self._log(request, refusal)
        headers = {"WWW-Authenticate": "Bearer"} if refusal.status_code == HTTPStatus.UNAUTHORIZED else None
        await error_response(refusal.status_code, refusal.detail, headers)(scope, receive, send)

    def _refusal(self, request: Request) -> HTTPException | None:
        if request.method not in READING:
            if self._token is None and not _began_here(request):
                return HTTPException(HTTPStatus.FORBIDDEN, "without admin.token only this machine may do this")
            if self._token is not None and not _has_token(request, self._token):
                return HTTPException(HTTPStatus.UNAUTHORIZED, "this needs the admin token: Authorization: Bearer TOKEN")
        if _has_body(request):
            return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no request here has a body")
        return None

    def _log(self, request: Request, refusal: HTTPException) -> None:
        left_out = self._refusals.admit(refusal.detail)
        if left_out is not None:
            fields = _described(request) | {"code": refusal.status_code, "not_logged": left_out}
            log.warning("admin request refused: %s", refusal.detail, extra=fields)


def guarded(app: ASGIApp) -> ASGIApp:
    """The guard of HTTP: the peer has got its 500, the traceback goes to the log and no further."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            log.exception("admin request failed", extra=_described(Request(scope)))

    return run


def _began_here(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in FROM_ELSEWHERE):
        return False
    address = ipaddress.ip_address(request.client.host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _has_body(request: Request) -> bool:
    """Whether it brings more than the `{}` that some clients send with every POST."""
    length = request.headers.get("content-length", "0")
    return "transfer-encoding" in request.headers or len(length) > 3 or int(length) > SMALL_BODY_BYTES


def _has_token(request: Request, token: bytes) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), token)


def _described(request: Request) -> dict[str, object]:
    client = request.client.host if request.client else None
    path = request.scope["path"][:SHOWN_CHARACTERS]  # not request.url: that parses the Host header
    return {"method": request.method[:SHOWN_CHARACTERS], "path": path, "source_address": client}
