"""Compiles a checked configuration into the `Plan` that the gateway runs; decides nothing by itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.core import plan
from gateway.core.contract import Contract
from gateway.core.fields import Field
from gateway.core.mapping import HIDDEN
from gateway.core.plan import Dialect, Plan
from gateway.core.profiles import PROFILES, Profile
from gateway.core.routing import Route
from gateway.core.scopes import messages
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiSetup
from gateway.settings import model
from gateway.settings.model import (
    Admin,
    Configuration,
    Context,
    ContextField,
    Limits,
    Media,
    Tls,
    Trunk,
    TwilioAccount,
    Uui,
    Webhook,
)
from gateway.settings.scalars import Lifted

DEFAULT_PROFILE: Final = {Side.PBX: "pbx", Side.TWILIO: "sip-domain"}
HASH_DIGITS: Final = 12


def build_plan(configuration: Configuration) -> Plan:
    """The plan of a configuration without problems."""
    sip = configuration.sip
    profiles = build_profiles(configuration.profiles)
    return Plan(
        listeners=sip.listen,
        trunks=tuple(build_trunk(name, trunk, profiles) for name, trunk in configuration.trunks.items()),
        routes=tuple(Route(one.from_trunk, one.match, one.to_trunk, one.user) for one in configuration.routes),
        contract=build_contract(configuration.context),
        public_address=sip.public_address,
        sip_dscp=sip.dscp,
        tls=_tls(sip.tls) if sip.tls else None,
        media=_media(configuration.media),
        admin=_admin(configuration.admin),
        limits=_limits(configuration.limits),
        account=_account(configuration.twilio) if configuration.twilio else None,
        hash=hash_of(configuration),
    )


def build_contract(context: Context) -> Contract:
    """The contract of a context section."""
    return Contract(
        fields=tuple(_field(name, field) for name, field in context.fields.items()),
        uui={Side.PBX: _uui(context.uui.pbx), Side.TWILIO: _uui(context.uui.twilio)},
        missing=context.missing,
        overflow=context.overflow,
    )


def public_values(configuration: Configuration) -> dict[str, object]:
    """Every setting in effect, defaults included, by its name in the file; what is private is hidden."""
    values = _values(configuration)
    shown = values["context"]["fields"]
    for one in build_contract(configuration.context).fields:
        if one.redacted:
            shown[one.name] |= _private(one, shown[one.name])
    return values


def _private(one: Field, shown: Mapping[str, Any]) -> dict[str, object]:
    """What stands in the place of what holds values of a field."""
    places = {side.value: locator.shown(one.redacted) for side in Side if (locator := one.locator(side))}
    default = None if one.default is None else HIDDEN
    steps = [dict.fromkeys(step, HIDDEN) if isinstance(step, dict) else step for step in shown["transform"]]
    return {**places, "default": default, "transform": steps}


def _values(configuration: Configuration) -> dict[str, Any]:
    """As a type of JSON; the secrets that log us in are asterisks."""
    return configuration.model_dump(mode="json", by_alias=True)


def hash_of(configuration: Configuration) -> str:
    """Names what is set, not how it was written: comments, quotes and defaults spelled out change nothing.

    The order of trunks, routes and fields counts, a secret's value does not.
    """
    canonical = json.dumps(_values(configuration), separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_DIGITS]


def build_profiles(sections: Mapping[str, model.Profile]) -> dict[str, Profile]:
    """Every profile by name: the built-in ones and, in their place or beside them, those of the file."""
    return {**PROFILES, **{name: _profile(name, section) for name, section in sections.items()}}


def _profile(name: str, section: model.Profile) -> Profile:
    base = PROFILES[section.base]
    given = section.model_dump(exclude={"base", "sources"}, exclude_none=True)
    changed: dict[str, Any] = {rule: None if value is Lifted.NONE else value for rule, value in given.items()}
    told = section.sources.model_dump()
    ours = {
        _RULES.get(rule, rule): f"the configuration: {told[rule]}" if told[rule] else "the configuration"
        for rule in changed
    }
    if base.sends and "sends" in changed:
        changed["sends"] = replace(base.sends, names=changed["sends"])
    return replace(base, name=name, sources=tuple({**dict(base.sources), **ours}.items()), **changed)


_RULES: Final = {"sends": "sends.names"}
"""The rules of a profile that have another name in the file."""


def build_trunk(name: str, trunk: Trunk, profiles: Mapping[str, Profile]) -> plan.Trunk:
    """One trunk of the plan."""
    auth, register, who = trunk.auth, trunk.registration, trunk.identity
    return plan.Trunk(
        name=name,
        side=trunk.side,
        profile=profiles[trunk.profile or DEFAULT_PROFILE[trunk.side]],
        uris=trunk.uris,
        allow=tuple(network for allowed in trunk.allow for network in allowed.networks),
        dialect=trunk.variables or Dialect.HEADERS,
        srtp=trunk.srtp,
        transfer=trunk.transfer,
        auth=plan.Credentials(auth.username, auth.password.get_secret_value()) if auth else None,
        hold=trunk.hold,
        redirect=trunk.redirect,
        session_expires_seconds=trunk.session_expires_seconds,
        write_back=_write_back(trunk.write_back) if trunk.write_back else None,
        options_interval_seconds=trunk.options_interval_seconds,
        identity=plan.Identity(who.believe, is_trusted(trunk), who.send, who.caller),
        account_sids=trunk.account_sids,
        calls_per_second=trunk.calls_per_second,
        source_calls_per_second=trunk.source_calls_per_second,
        symmetric_rtp=trunk.symmetric_rtp,
        rtp_dscp=trunk.rtp_dscp,
        register=plan.Registration(register.registrar, register.expires_seconds) if register else None,
    )


def is_trusted(trunk: Trunk) -> bool:
    """Whether a trunk is told what a caller wants kept: by default a PBX is, and a public carrier is not."""
    return trunk.side is Side.PBX if trunk.identity.trusted is None else trunk.identity.trusted


def kinds_of_message(trunks: Iterable[plan.Trunk]) -> Iterator[tuple[Direction, On, Side, Dialect, Profile]]:
    """Every kind of message that can carry context between these trunks, each once; the arguments of `Contract.rules`.

    A side without a trunk counts as one with the defaults, so that fields can be judged while trunks are being written.
    """
    trunks = tuple(trunks)
    dialects = dict.fromkeys(trunk.dialect for trunk in trunks if trunk.side is Side.PBX)
    profiles = {side: dict.fromkeys(trunk.profile for trunk in trunks if trunk.side is side) for side in Side}
    for direction, on, sender in messages():
        for dialect in dialects or (Dialect.HEADERS,):
            for profile in profiles[sender.other] or (PROFILES[DEFAULT_PROFILE[sender.other]],):
                yield direction, on, sender, dialect, profile


def _write_back(access: model.WriteBack) -> plan.WriteBack:
    password = access.password.get_secret_value()
    return plan.WriteBack(access.url, access.username, password, access.timeout_seconds, access.queue)


def _tls(tls: Tls) -> plan.TlsFiles:
    return plan.TlsFiles(tls.certificate, tls.private_key, tls.ca_list)


def _media(media: Media) -> plan.Media:
    return plan.Media(media.mode, media.rtp_ports.first, media.rtp_ports.last, media.codecs, media.timeout_seconds)


def _admin(admin: Admin) -> plan.Admin:
    token = admin.token.get_secret_value() if admin.token else None
    return plan.Admin(admin.listen.host, admin.listen.port, token)


def _limits(limits: Limits) -> plan.Limits:
    return plan.Limits(**limits.model_dump())


def _account(account: TwilioAccount) -> plan.Account:
    webhook, call = account.webhook, account.call
    return plan.Account(
        sid=account.account_sid,
        token=account.auth_token.get_secret_value(),
        api_url=account.api_url,
        webhook=_webhook(webhook) if webhook else None,
        caller=call.caller if call else None,
        answer_url=call.url if call else None,
    )


def _webhook(webhook: Webhook) -> plan.Webhook:
    forward = plan.Forward(**webhook.forward.model_dump())
    return plan.Webhook(webhook.listen.host, webhook.listen.port, webhook.url, forward)


def _uui(uui: Uui) -> UuiSetup:
    return UuiSetup(uui.format, uui.encoding, uui.discriminator, uui.purpose, uui.content, uui.discriminator_in)


def _field(name: str, field: ContextField) -> Field:
    return Field(
        name=name,
        pbx=field.pbx,
        twilio=field.twilio,
        direction=frozenset(Direction) if field.direction == "both" else frozenset({Direction(field.direction)}),
        on=frozenset(field.on),
        type=field.type,
        required=field.required,
        default=field.default,
        max_bytes=field.max_bytes,
        sensitivity=field.sensitivity,
        values=field.values,
        transform=field.transform,
        duplicates=field.duplicates,
        priority=field.priority,
    )
