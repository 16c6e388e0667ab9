"""Asks the application: a signed form POST (or GET), and the TwiML that comes back."""

from __future__ import annotations

from urllib.parse import urlencode, urljoin

import httpx
from twilio.request_validator import RequestValidator

from gateway.lab.twilio.alerts import Alert, advise
from gateway.lab.twilio.book import Book, Call, Webhook
from gateway.lab.twilio.parameters import Params, custom_parameters
from gateway.lab.twilio.twiml import Document, TwimlError, parse_twiml
from gateway.lab.twilio.verbs import Callback

ANSWER_SECONDS = 15.0
"""Twilio waits as long."""
USER_AGENT = "TwilioProxy/1.1"


class WebhookFailed(Exception):
    """The application gave no TwiML; the debugger says why."""


class Webhooks:
    """Posts to applications for the calls of an account."""

    def __init__(self, auth_token: str, book: Book) -> None:
        self._validator = RequestValidator(auth_token)
        self._book = book
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, headers={"User-Agent": USER_AGENT})

    async def ask(self, call: Call, callback: Callback, params: Params, base: str = "") -> tuple[Document, str]:
        """The TwiML with which the application answers, and the URL that relative ones in it start from.

        Raises:
            WebhookFailed: there is none.
        """
        url = urljoin(base, callback.url)
        self._book.complain(advise(custom_parameters(params), f"the request to {url}"), call)
        hook = Webhook(url, params)
        call.webhooks.append(hook)
        try:
            answer = await self._send(url, callback.method, params)
            hook.status, hook.answer = answer.status_code, answer.text
            if not answer.is_success:
                raise WebhookFailed(f"{url} answered {answer.status_code}")
        except (httpx.HTTPError, httpx.InvalidURL, WebhookFailed) as error:
            self._book.complain(Alert(11200, str(error) or type(error).__name__), call)
            raise WebhookFailed(str(error)) from None
        return self.read(call, answer.text), url

    def read(self, call: Call, text: str) -> Document:
        """TwiML as it was given.

        Raises:
            WebhookFailed: it cannot be read.
        """
        try:
            document = parse_twiml(text) if text.strip() else Document(())
        except TwimlError as error:
            self._book.complain(Alert(error.code, error.detail), call)
            raise WebhookFailed(error.detail) from None
        for alert in document.alerts:
            self._book.complain(alert, call)
        return document

    async def tell(self, call: Call, url: str, params: Params) -> None:
        """A status callback: nobody cares for the answer."""
        hook = Webhook(url, params)
        call.webhooks.append(hook)
        try:
            hook.status = (await self._send(url, "POST", params)).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._book.complain(Alert(11200, str(error) or type(error).__name__), call)

    async def close(self) -> None:
        """End its connections."""
        await self._client.aclose()

    async def _send(self, url: str, method: str, params: Params) -> httpx.Response:
        """Twilio signs the URL that it uses: of a GET with the parameters in it, of a POST without them."""
        if method.upper() == "GET":
            url += ("&" if "?" in url else "?") + urlencode(params, errors="surrogateescape")
            signature = self._validator.compute_signature(url, {})
            return await self._client.get(url, headers={"X-Twilio-Signature": signature})
        signature = self._validator.compute_signature(url, params)
        form = urlencode(params, errors="surrogateescape")
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        return await self._client.post(url, content=form, headers=headers)
