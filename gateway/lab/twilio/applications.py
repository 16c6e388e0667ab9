"""Applications that the stand-in hosts itself: TwiML Bins and functions, asked like any other, by a signed request.

A function is a Python file with `handler(context, event)`: `context` holds the account and its domain, `event` the
parameters of the request; it returns TwiML as text or as an object of the `twilio` library.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.lab.twilio.bins import render_bin
from gateway.lab.twilio.parameters import Params
from gateway.lab.twilio.settings import TwilioLab

Handler = Callable[[Params, Params], object]


class Applications:
    """Bins and functions of a configuration file; a change of one of their files is seen at the next request."""

    def __init__(self, settings: TwilioLab, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/bins/{name}", self.render, methods=["GET", "POST"]),
            Route("/functions/{name}", self.call, methods=["GET", "POST"]),
        ]

    async def render(self, request: Request) -> Response:
        """A TwiML Bin."""
        file = self._settings.bins.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("no such bin\n", 404)
        try:
            text = render_bin((self._folder / file).read_text(), await _parameters(request))
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 500)
        return Response(text, media_type="text/xml")

    async def call(self, request: Request) -> Response:
        """A function, on a thread of its own."""
        file = self._settings.functions.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("no such function\n", 404)
        context = {"ACCOUNT_SID": self._settings.account.sid, "DOMAIN_NAME": str(self._settings.http)}
        try:
            handler = await run_in_threadpool(_handler, self._folder / file)
            answer = await run_in_threadpool(handler, context, await _parameters(request))
        except Exception as error:  # it is the application's, and its author must see what went wrong
            return PlainTextResponse(f"{type(error).__name__}: {error}\n", 500)
        return Response(str(answer), media_type="text/xml")


def _handler(file: Path) -> Handler:
    handler: Handler = runpy.run_path(str(file))["handler"]
    return handler


async def _parameters(request: Request) -> Params:
    form = (await request.body()).decode(errors="replace")
    pairs = [*request.query_params.items(), *parse_qsl(form, keep_blank_values=True)]
    return dict(pairs)
