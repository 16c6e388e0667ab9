"""Calls through Twilio's REST API with their context in the form that arrives: at a SIP user agent, a client, a number.

`prepare` decides and asks nobody; `place_call` asks Twilio. What would not arrive is refused before anybody is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from gateway.core.application import accepted, build_headers, parameter_bytes
from gateway.core.contract import Contract
from gateway.core.fields import Field
from gateway.core.plan import Account
from gateway.core.profile import Profile, Sends
from gateway.core.refusal import Refusal
from gateway.core.scopes import takes_part
from gateway.core.sending import TO_THE_PBX, build_sip_uri, is_the_applications, percent
from gateway.core.terms import Side
from gateway.core.transforms import compile_steps
from gateway.core.uri import parse_uri
from gateway.core.uui import UuiSetup
from gateway.core.values import check_e164
from gateway.errors import AccountError, UriError

ANSWER_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Order:
    """A call to place: whom, by whom, with which fields, and what Twilio does once it is answered: a URL or TwiML."""

    to: str
    caller: str
    values: Mapping[str, str]
    url: str | None = None
    twiml: str | None = None


class Prepared(NamedTuple):
    """What Twilio is asked for."""

    to: str
    caller: str
    url: str | None
    twiml: str | None


def prepare(order: Order, contract: Contract, profile: Profile) -> Prepared:
    """The order with its context where it arrives.

    Raises:
        AccountError: it would not arrive, or the order is none; says everything that is wrong.
    """
    problems = list(_unknown(order.values, contract.fields))
    if (order.url is None) == (order.twiml is None):
        problems.append("say what Twilio does once the call is answered: a URL or TwiML, one of them")
    if order.url is not None and not _is_web_url(order.url):
        problems.append(f"{order.url!r} is not a URL of https or http")
    if problems:
        raise AccountError("\n".join(problems))
    scheme, colon, rest = order.to.partition(":")
    if colon and scheme.lower() in ("sip", "sips"):
        return Prepared(_sip_uri(order, contract, profile), order.caller, order.url, order.twiml)
    values = _valid(order.values, contract.fields, profile)
    if colon and scheme.lower() == "client" and rest and "?" not in rest:
        return Prepared(f"{order.to}{'?' if values else ''}{_query(values)}", order.caller, order.url, order.twiml)
    if check_e164(order.to) != order.to:
        raise AccountError(f"{order.to!r} is neither sip:USER@HOST, client:NAME nor a number such as +15550100")
    return Prepared(order.to, order.caller, _with_query(order.url, values), order.twiml)


def place_call(account: Account, prepared: Prepared) -> str:
    """Ask Twilio; the SID of the call.

    Raises:
        AccountError: Twilio refuses or cannot be reached.
    """
    http = _Http(account.api_url, timeout=ANSWER_SECONDS)
    client = Client(account.sid, account.token, http_client=http)
    what = {"url": prepared.url} if prepared.twiml is None else {"twiml": prepared.twiml}
    try:
        call = client.calls.create(to=prepared.to, from_=prepared.caller, **what)
    except (TwilioException, OSError) as error:
        raise AccountError(f"Twilio does not place the call: {getattr(error, 'msg', None) or error}") from None
    return str(call.sid)


class _Http(TwilioHttpClient):
    """The client library's own, with the API at another address if need be."""

    def __init__(self, api_url: str, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._base = api_url.rstrip("/")

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        parts = urlsplit(url)
        return super().request(method, self._base + urlunsplit(("", "", *parts[2:])), *args, **more)


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False


def _unknown(values: Mapping[str, str], fields: Sequence[Field]) -> Iterator[str]:
    names = [one.name for one in fields]
    for name in values:
        if name not in names:
            yield f"there is no field {name!r}; there are {', '.join(names)}"


def _sip_uri(order: Order, contract: Contract, profile: Profile) -> str:
    """For a gateway, so every field is checked as the gateway will when it reads it."""
    if profile.sends is None:
        raise AccountError(f"nothing is known of what Twilio sends to SIP URIs (profile {profile.name})")
    try:
        uri = parse_uri(order.to)
    except UriError as error:
        raise AccountError(f"{order.to!r} cannot be called: {error}") from None
    if uri.scheme == "sips" or uri.headers:
        raise AccountError("write the URI as sip:USER@HOST;transport=tls, without sips: and without headers after `?`")
    problems = [problem for one in contract.fields for problem in _lost_on_the_way(one, order.values, profile.sends)]
    headers, unwritable = build_headers(contract.fields, order.values, contract.uui.get(Side.TWILIO, UuiSetup()))
    problems += [f"{problem.field}: {problem.text}" for problem in unwritable]
    built = build_sip_uri(order.to, [(one.header, one.value) for one in headers], profile.sends)
    if isinstance(built, Refusal):
        problems.append(built.reason)
    if problems or isinstance(built, Refusal):
        raise AccountError("\n".join(problems))
    return built


def _lost_on_the_way(one: Field, values: Mapping[str, str], sends: Sends) -> Iterator[str]:
    if one.name not in values:
        needed = one.required and one.default is None and takes_part(one, TO_THE_PBX)
        if needed and one.twilio is not None and is_the_applications(one.twilio, sends):
            yield f"{one.name} is required in calls to the PBX"
        return
    if one.twilio is None or not one.twilio.writable or not takes_part(one, TO_THE_PBX):
        yield f"{one.name} does not go from Twilio to the PBX when a call begins (its direction, on, or place)"
        return
    transform = compile_steps(one.transform)
    changed = values[one.name] if transform is None else transform(values[one.name])
    if isinstance(changed, Refusal):
        yield f"{one.name}: {changed.reason}"
    else:
        yield from (f"{one.name}: {problem.text}" for problem in accepted([one], {one.name: changed})[1])


def _valid(values: Mapping[str, str], fields: Sequence[Field], profile: Profile) -> dict[str, str]:
    """For an application, which gets the values as they are."""
    found, problems = accepted(fields, values)
    complaints = [f"{problem.field}: {problem.text}" for problem in problems]
    size, limit = parameter_bytes(found), profile.bytes_total
    if limit is not None and size > limit:
        complaints.append(f"the fields have {size} bytes, and {limit} are what Twilio takes (profile {profile.name})")
    if complaints:
        raise AccountError("\n".join(complaints))
    return found


def _query(values: Mapping[str, str]) -> str:
    return "&".join(f"{percent(name)}={percent(value)}" for name, value in values.items())


def _with_query(url: str | None, values: Mapping[str, str]) -> str | None:
    """A telephone line carries no context: the application that is asked at the answer gets it in its URL."""
    if not values:
        return url
    if url is None:
        raise AccountError("a call to a number carries no context: give a URL in place of TwiML, which gets the fields")
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, _query(values))))))
