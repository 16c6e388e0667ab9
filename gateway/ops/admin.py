"""The HTTP interface for operators and their tools: answers from snapshots, passes requests on; it holds no state.

Every answer but /metrics is JSON, errors as `{"error": "what is wrong"}`. Who may ask what: see `gate`.

`Control` answers from the SIP thread and may keep us waiting, so it is only called on threads that may wait. What it
raises ends as 503 when that thread did not answer in time, else as 500 with a traceback in the log and none in the
answer.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import StoppedError
from gateway.ops.answers import calls_response, error_response, json_response, status_as_dict
from gateway.ops.gate import Gate, guarded
from gateway.ops.metrics import CONTENT_TYPE, Metrics
from gateway.ops.records import RecentCalls, record_as_dict
from gateway.ops.write_backs import WriteBackObserver

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from gateway.bridge.ports import Control

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class AdminApi:
    """The handlers, one per resource."""

    def __init__(self, control: Control, metrics: Metrics, recent: RecentCalls, write_backs: WriteBackObserver) -> None:
        self._control = control
        self._metrics = metrics
        self._recent = recent
        self._write_backs = write_backs

    def routes(self) -> list[Route]:
        """Every path there is."""
        return [
            Route("/metrics", self.metrics),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/status", self.status),
            Route("/config", self.config),
            Route("/calls", self.calls),
            Route("/calls/{call_id}", self.call, methods=["GET", "DELETE"]),
            Route("/reload", self.reload, methods=["POST"]),
            Route("/drain", self.drain, methods=["POST"]),
        ]

    async def metrics(self, request: Request) -> Response:
        """Metrics are never missing: when the SIP thread is stuck, they are what shows it."""
        try:
            status = await run_in_threadpool(self._control.status)
        except (TimeoutError, StoppedError):
            status = None
        return Response(self._metrics.render(status), media_type=CONTENT_TYPE)

    async def healthz(self, request: Request) -> Response:
        """The process is alive."""
        return json_response({"status": "alive"})

    def readyz(self, request: Request) -> Response:
        """Whether new calls are welcome."""
        status = self._control.status()
        code = HTTPStatus.OK if status.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return json_response({"ready": status.ready, "phase": status.phase.value}, code)

    def status(self, request: Request) -> Response:
        """The process at a glance."""
        return json_response(status_as_dict(self._control.status()))

    def config(self, request: Request) -> Response:
        """The running configuration, secrets hidden by who knows them."""
        return json_response(dict(self._control.config()))

    def calls(self, request: Request) -> Response:
        """Calls in progress, then those that ended lately, each newest first, `limit` of them."""
        limit = parse_limit(request.query_params.get("limit"))
        active = sorted(self._control.calls(), key=lambda record: record.started, reverse=True)
        ended = self._recent.newest_first()
        over = {record.id for record in ended}
        shown = [record for record in active if record.id not in over] + ended
        return calls_response(len(active), shown[:limit])

    def call(self, request: Request) -> Response:
        """Everything about one call, in progress or ended lately; or, with DELETE, its end."""
        call_id = request.path_params["call_id"]
        if request.method == "DELETE":
            return self._end_call(call_id)
        # In this order a call that ends in between is found.
        record = self._control.call(call_id) or self._recent.find(call_id)
        if record is None:
            return _no_such_call()
        return json_response(record_as_dict(record) | {"write_back": self._write_backs.of(call_id)})

    def _end_call(self, call_id: str) -> Response:
        if self._control.end_call(call_id):
            return json_response({"status": "ending"}, HTTPStatus.ACCEPTED)
        return _no_such_call()

    def reload(self, request: Request) -> Response:
        """Load the configuration again; what is wrong with it leaves the old one running."""
        problems = list(self._control.reload())
        if problems:
            error = "the configuration has problems; the running one stays"
            return json_response({"error": error, "problems": problems}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return json_response({"status": "reloaded"})

    def drain(self, request: Request) -> Response:
        """Take no new calls, stop after the last."""
        self._control.drain()
        return json_response({"status": "draining"}, HTTPStatus.ACCEPTED)


def build_app(api: AdminApi, token: str | None) -> ASGIApp:
    """The application behind its guards; `token` protects what is not reading."""
    app = Starlette(
        routes=api.routes(),
        middleware=[Middleware(Gate, token=token)],
        exception_handlers={
            HTTPException: _http_error,
            TimeoutError: _no_answer,
            StoppedError: _stopping,
            Exception: _failure,
        },
    )
    app.router.redirect_slashes = False  # a redirect would repeat the peer's own Host header
    return guarded(app)


def parse_limit(text: str | None) -> int:
    """How many calls to list.

    Raises:
        HTTPException: 400, not a number in range.
    """
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT)) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise HTTPException(HTTPStatus.BAD_REQUEST, f"limit must be a number from 1 to {MAX_LIMIT}")


def _no_such_call() -> Response:
    return error_response(HTTPStatus.NOT_FOUND, "no such call, in progress or among those that ended lately")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = {
        HTTPStatus.NOT_FOUND: "no such path",
        HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take this method",
    }.get(HTTPStatus(error.status_code), error.detail)
    return error_response(error.status_code, text, error.headers)


async def _no_answer(request: Request, error: Exception) -> Response:
    text = "the SIP thread did not answer in time; what was asked for may still happen"
    return error_response(HTTPStatus.SERVICE_UNAVAILABLE, text)


async def _stopping(request: Request, error: Exception) -> Response:
    return error_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


async def _failure(request: Request, error: Exception) -> Response:
    return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway failed on this; its log says why")
