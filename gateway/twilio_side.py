"""`gateway twilio`: the process that answers Twilio's webhook, and calls placed from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.core.plan import Account, Plan
from gateway.core.profile import Profile
from gateway.core.profiles import PROFILES
from gateway.core.terms import Side
from gateway.errors import AccountError, StartError
from gateway.ops.logs import logging_to
from gateway.twilio.calling import Order, place_call, prepare
from gateway.twilio.serving import serve
from gateway.twilio.webhook import build_application


def profile_of(plan: Plan) -> Profile:
    """The profile of Twilio's applications: that of the first trunk to a SIP Domain, the built-in one without such."""
    trunks = (trunk.profile for trunk in plan.trunks if trunk.side is Side.TWILIO)
    return next((profile for profile in trunks if profile.sends), PROFILES["sip-domain"])


def run_webhook(plan: Plan, log_level: str) -> None:
    """Answer until a signal comes.

    Raises:
        StartError: there is nothing to answer with, or nowhere to listen.
    """
    account = plan.account
    if account is None or account.webhook is None:
        raise StartError("the configuration has no twilio.webhook")
    application = build_application(account, account.webhook, plan.contract, profile_of(plan))
    with logging_to(level=log_level):
        serve(application, account.webhook.host, account.webhook.port)


def call(plan: Plan, order: Order) -> str:
    """Place one call; its SID.

    Raises:
        AccountError: the context would not arrive, or Twilio does not place the call.
    """
    if plan.account is None:
        raise AccountError("the configuration has no section twilio")
    return place_call(plan.account, prepare(order, plan.contract, profile_of(plan)))


def build_order(
    account: Account | None, to: str, caller: str | None, fields: Sequence[str], answer: Mapping[str, str | None]
) -> Order:
    """An order of what stands on the command line; what does not is from the configuration.

    Raises:
        AccountError: a field is no NAME=VALUE or there twice, or nobody calls.
    """
    values: dict[str, str] = {}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals or not value or name in values:
            raise AccountError(f"--field {name} must be NAME=VALUE, and each NAME once")
        values[name] = value
    caller = caller or (account.caller if account else None)
    if caller is None:
        raise AccountError("say who calls: --from, or twilio.call.from in the configuration")
    url, twiml = answer["url"], answer["twiml"]
    if url is None and twiml is None and account is not None:
        url = account.answer_url
    return Order(to, caller, values, url, twiml)
