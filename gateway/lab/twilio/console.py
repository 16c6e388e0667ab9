"""The stand-in's own pages: calls with every hop of their context, and the debugger; the same as JSON for programs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.lab.twilio.exchange import Exchange
from gateway.lab.twilio.pages import build_calls_page, build_debugger_page


class Console:
    """What a person or a test looks at."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[BaseRoute]:
        """Where it is."""
        return [
            Route("/", self.calls_page),
            Route("/debugger", self.debugger_page),
            Route("/lab/calls.json", self.calls),
            Route("/lab/debugger.json", self.debugger),
            WebSocketRoute("/lab/clients/{identity}", self._exchange.clients.serve),
        ]

    async def calls_page(self, request: Request) -> Response:
        """Every call, the newest first."""
        return HTMLResponse(build_calls_page(self._sheets(), self._exchange.clients.identities))

    async def debugger_page(self, request: Request) -> Response:
        """Every alert, the newest first."""
        return HTMLResponse(build_debugger_page(self._alerts()))

    async def calls(self, request: Request) -> Response:
        """The same for programs, the oldest first."""
        return JSONResponse({"calls": self._sheets()[::-1], "clients": self._exchange.clients.identities})

    async def debugger(self, request: Request) -> Response:
        """The same for programs, the oldest first."""
        return JSONResponse({"alerts": self._alerts()[::-1]})

    def _sheets(self) -> list[dict[str, object]]:
        return [call.sheet() for call in reversed(self._exchange.book.calls.values())]

    def _alerts(self) -> list[dict[str, object]]:
        return [
            {"code": alert.code, "text": alert.text, "detail": alert.detail, "call": alert.call_sid}
            for alert in reversed(self._exchange.book.alerts)
        ]
