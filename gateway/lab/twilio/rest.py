"""Twilio's REST API as far as calls need it: form-encoded, Basic auth, answers shaped as its OpenAPI says."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.lab.twilio.book import Call
from gateway.lab.twilio.exchange import Exchange
from gateway.lab.twilio.parameters import API_VERSION, Params, build_date
from gateway.lab.twilio.target import TargetError
from gateway.lab.twilio.verbs import Callback
from gateway.lab.twilio.voice import Request, Voice

TWIML_CHARACTERS = 4000
LONGEST_RING_SECONDS = 600


Resource = Callable[[HttpRequest, Params], Awaitable[Response]]


class Refusal(Exception):
    """An answer of Twilio's that is an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse(
            {
                "code": code,
                "message": message,
                "more_info": f"https://www.twilio.com/docs/errors/{code}",
                "status": status,
            },
            status,
        )


class Rest:
    """The resources of one account."""

    def __init__(self, exchange: Exchange, voice: Voice) -> None:
        self._exchange = exchange
        self._voice = voice

    def routes(self) -> list[Route]:
        """Where they are."""
        account = f"/{API_VERSION}/Accounts/{{account}}"
        return [
            Route(f"{account}/Calls.json", self._answer(self.create_call), methods=["POST"]),
            Route(f"{account}/Calls.json", self._answer(self.list_calls), methods=["GET"]),
            Route(f"{account}/Calls/{{sid}}.json", self._answer(self.fetch_call), methods=["GET"]),
            Route(f"{account}/Calls/{{sid}}.json", self._answer(self.update_call), methods=["POST"]),
            Route(
                f"{account}/Conferences/{{conference}}/Participants.json",
                self._answer(self.create_participant),
                methods=["POST"],
            ),
        ]

    async def create_call(self, request: HttpRequest, form: Params) -> Response:
        """A call to `To`."""
        ways = [name for name in ("Url", "Twiml", "ApplicationSid") if form.get(name)]
        if not ways:
            raise Refusal(400, 21205, "Url parameter is required.")
        if len(form.get("Twiml", "")) > TWIML_CHARACTERS:
            raise Refusal(400, 32018, f"Twiml must be at most {TWIML_CHARACTERS} characters.")
        then = Callback(form["Url"], form.get("Method", "POST")) if form.get("Url") else None
        if ways[0] == "ApplicationSid":
            application = self._exchange.settings.application
            then = Callback(application.voice_url) if application else None
        call = self._originate(form, then=then, twiml=form.get("Twiml", ""))
        return JSONResponse(call.resource(self._exchange.sid), 201)

    async def list_calls(self, request: HttpRequest, form: Params) -> Response:
        """All of them, the newest first, on one page."""
        calls = [call.resource(self._exchange.sid) for call in reversed(self._exchange.book.calls.values())]
        page = {"page": 0, "page_size": len(calls), "next_page_uri": None, "previous_page_uri": None}
        return JSONResponse({**page, "start": 0, "end": len(calls), "uri": request.url.path, "calls": calls})

    async def fetch_call(self, request: HttpRequest, form: Params) -> Response:
        """One call."""
        return JSONResponse(self._call(request).resource(self._exchange.sid))

    async def update_call(self, request: HttpRequest, form: Params) -> Response:
        """End a call: the one change that the stand-in knows."""
        call = self._call(request)
        if form.get("Status") not in ("completed", "canceled"):
            raise Refusal(400, 20001, "The stand-in can end a call (Status=completed or canceled) and nothing else.")
        call.leg.hang_up()
        return JSONResponse(call.resource(self._exchange.sid))

    async def create_participant(self, request: HttpRequest, form: Params) -> Response:
        """A call whose answer joins a conference."""
        name = request.path_params["conference"]
        call = self._originate(form, conference=name)
        conference = self._exchange.conferences.find(name)
        now = build_date(call.began)
        uri = f"/{API_VERSION}/Accounts/{self._exchange.sid}/Conferences/{conference.sid}/Participants/{call.sid}.json"
        return JSONResponse(
            {
                "account_sid": self._exchange.sid,
                "call_sid": call.sid,
                "conference_sid": conference.sid,
                "label": form.get("Label"),
                "status": call.status if call.status in ("queued", "ringing") else "failed",
                "muted": False,
                "hold": False,
                "coaching": False,
                "call_sid_to_coach": None,
                "start_conference_on_enter": True,
                "end_conference_on_exit": False,
                "queue_time": "0",
                "date_created": now,
                "date_updated": now,
                "uri": uri,
            },
            201,
        )

    # -- what they share -----------------------------------------------------------------------------------------

    def _answer(self, resource: Resource) -> Callable[[HttpRequest], Awaitable[Response]]:
        """The endpoint of a resource: who may ask is checked, the form is read, refusals are answered."""

        async def endpoint(request: HttpRequest) -> Response:
            try:
                self._authenticate(request)
                body = (await request.body()).decode(errors="replace")
                return await resource(request, dict(parse_qsl(body, keep_blank_values=True)))
            except Refusal as refusal:
                return refusal.response

        return endpoint

    def _authenticate(self, request: HttpRequest) -> None:
        expected = f"{self._exchange.sid}:{self._exchange.settings.account.auth_token}"
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            credentials = base64.b64decode(given, validate=True)
        except binascii.Error:
            credentials = b""
        if kind.lower() != "basic" or not hmac.compare_digest(credentials, expected.encode()):
            raise Refusal(401, 20003, "Authenticate")
        if request.path_params["account"] != self._exchange.sid:
            raise Refusal(404, 20404, f"The requested resource {request.url.path} was not found")

    def _call(self, request: HttpRequest) -> Call:
        found = self._exchange.book.calls.get(request.path_params["sid"])
        if found is None:
            raise Refusal(404, 20404, f"The requested resource {request.url.path} was not found")
        return found

    def _originate(self, form: Params, then: Callback | None = None, twiml: str = "", conference: str = "") -> Call:
        if not form.get("To"):
            raise Refusal(400, 21201, "No 'To' number is specified")
        if not form.get("From"):
            raise Refusal(400, 21213, "'From' phone number not specified")
        if "@" in form["From"]:
            raise Refusal(400, 21212, f"The source phone number provided, {form['From']}, is not a user name.")
        ring = form.get("Timeout", "60")
        request = Request(
            to=form["To"],
            caller=form["From"],
            then=then,
            twiml=twiml,
            conference=conference,
            credentials=(form.get("SipAuthUsername", ""), form.get("SipAuthPassword", "")),
            ring_seconds=min(int(ring), LONGEST_RING_SECONDS) if ring.isdigit() else 60,
            status_url=form.get("StatusCallback", ""),
            display=form.get("CallerDisplayName", ""),
        )
        try:
            return self._voice.originate(request)
        except TargetError as error:
            raise Refusal(400, error.code, str(error)) from None
