"""Whether the trunks fit their sides and each other, and whether the routes fit the trunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.core.plan import Dialect, Network
from gateway.core.profiles import PROFILES
from gateway.core.routing import Route as PlannedRoute
from gateway.core.terms import Side
from gateway.settings.model import Profile, Route, Trunk
from gateway.settings.parts import Parts
from gateway.settings.place import Finding, Place
from gateway.settings.scalars import listed, nearest, shown
from gateway.settings.words import trunk_name_problem

MOST_TRUNKS: Final = 60
"""Each is an account of PJSIP, and the build holds 64 (config/pjsip/config_site.h)."""


LEAST_TWILIO_SECONDS: Final = 15
"""Twilio asks for no more than one OPTIONS in 10 to 15 seconds."""


LEAST_TWILIO_EXPIRES: Final = 600

ELASTIC: Final = "elastic-trunk"


def check_trunks(parts: Parts) -> Iterator[Finding]:
    """What keeps trunks and routes from carrying calls."""
    if parts.trunks is None:
        return
    sound = {name: trunk for name, trunk in parts.trunks.items() if trunk}
    for name in parts.trunks:
        problem = trunk_name_problem(name)
        if problem:
            yield ("trunks", name), problem
    if len(parts.trunks) > MOST_TRUNKS:
        yield ("trunks",), f"has {len(parts.trunks)} trunks; one gateway can have {MOST_TRUNKS}"
    for name, trunk in sound.items():
        yield from _side_findings(name, trunk)
        yield from _register_findings(name, trunk, parts.profiles)
        yield from _profile_findings(name, trunk, parts.profiles)
    yield from _shared_networks(sound)
    for name, profile in parts.profiles.items():
        if profile:
            yield from _rule_findings(name, profile)
    for index, route in enumerate(parts.routes):
        if route:
            yield from _route_findings(("routes", index), route, parts.trunks)
    if len(sound) == len(parts.trunks):
        yield from _missing_sides(sound)
        yield from _wayless(sound, parts.routes)


def _side_findings(name: str, trunk: Trunk) -> Iterator[Finding]:
    if trunk.side is Side.TWILIO and trunk.variables is not None:
        yield ("trunks", name, "variables"), "is for trunks with side: pbx; leave it out"
    if trunk.side is Side.TWILIO and trunk.write_back is not None:
        yield ("trunks", name, "write_back"), "is for trunks with side: pbx; leave it out"
    if trunk.variables is Dialect.FREESWITCH and trunk.write_back is not None:
        yield ("trunks", name, "write_back"), "is for Asterisk, and this trunk has variables: freeswitch; leave it out"
    if trunk.side is Side.PBX and trunk.account_sids:
        yield ("trunks", name, "account_sids"), "is for trunks with side: twilio; leave it out"
    interval = trunk.options_interval_seconds
    if trunk.side is Side.TWILIO and interval is not None and interval < LEAST_TWILIO_SECONDS:
        text = f"must be {LEAST_TWILIO_SECONDS} or more on a trunk with side: twilio, which bans who asks more often"
        yield ("trunks", name, "options_interval_seconds"), text
    if trunk.symmetric_rtp and not trunk.allow:
        yield ("trunks", name, "symmetric_rtp"), "needs allow: audio is taken from no other addresses than those"


def _register_findings(name: str, trunk: Trunk, profiles: Mapping[str, Profile | None]) -> Iterator[Finding]:
    if trunk.registration is None:
        return
    if trunk.auth is None:
        yield ("trunks", name, "register"), "needs auth: its username is what is registered"
    if trunk.side is Side.TWILIO and trunk.registration.expires_seconds < LEAST_TWILIO_EXPIRES:
        text = f"must be {LEAST_TWILIO_EXPIRES} or more on a trunk with side: twilio, which takes no less"
        yield ("trunks", name, "register", "expires_seconds"), text
    own = profiles.get(trunk.profile) if trunk.profile else None
    if (own.base if own else trunk.profile) == ELASTIC:
        yield ("trunks", name, "register"), f"is for SIP Domains: Twilio takes no registration with profile: {ELASTIC}"


def _profile_findings(name: str, trunk: Trunk, profiles: Mapping[str, Profile | None]) -> Iterator[Finding]:
    if trunk.profile is None or (trunk.profile in profiles and profiles[trunk.profile] is None):
        return
    sides = {known: of.side for known, of in PROFILES.items()}
    sides |= {known: PROFILES[of.base].side for known, of in profiles.items() if of}
    if sides.get(trunk.profile) is not trunk.side:
        fitting = listed(known for known, side in sides.items() if side is trunk.side)
        text = f"must be {fitting} on a trunk with side: {trunk.side}, not {shown(trunk.profile)}"
        yield ("trunks", name, "profile"), text


def _rule_findings(name: str, profile: Profile) -> Iterator[Finding]:
    if profile.sends is not None and PROFILES[profile.base].sends is None:
        having = listed(known for known, one in PROFILES.items() if one.sends)
        yield ("profiles", name, "sends"), f"is for profiles with base: {having}; leave it out"
    for rule in profile.sources.model_fields_set:
        if getattr(profile, rule) is None:
            yield ("profiles", name, "sources", rule), f"is of a rule that the profile does not change; give {rule} too"


def _shared_networks(trunks: dict[str, Trunk]) -> Iterator[Finding]:
    """A trunk is known by the source address of its calls: no network is of two, and of several the smallest wins."""
    owners: dict[Network, str] = {}
    for name, trunk in trunks.items():
        for index, allowed in enumerate(trunk.allow):
            taken = {owners.setdefault(network, name) for network in allowed.networks} - {name}
            for owner in sorted(taken):
                text = f"{allowed} is allowed on trunk {owner} already, and only the source address tells trunks apart"
                yield ("trunks", name, "allow", index), text


def _missing_sides(trunks: dict[str, Trunk]) -> Iterator[Finding]:
    for side in Side:
        if not any(trunk.side is side for trunk in trunks.values()):
            yield ("trunks",), f"has no trunk with side: {side}; calls go between the two sides"


def _route_findings(place: Place, route: Route, trunks: dict[str, Trunk | None]) -> Iterator[Finding]:
    for key, name in (("from", route.from_trunk), ("to", route.to_trunk)):
        if name not in trunks:
            meant = nearest(name, trunks)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(trunks)}"
            yield (*place, key), f"there is no trunk named {shown(name)}; {hint}"
    start, end = trunks.get(route.from_trunk), trunks.get(route.to_trunk)
    if start and end and start.side is end.side:
        yield (*place, "to"), f"{route.to_trunk} is on the {end.side} side like {route.from_trunk}; calls change sides"
    try:
        PlannedRoute(route.from_trunk, route.match, route.to_trunk, route.user)
    except ValueError as error:
        yield (*place, "user"), str(error).removesuffix(".")


def _wayless(trunks: dict[str, Trunk], routes: list[Route | None]) -> Iterator[Finding]:
    """Trunks that take calls and cannot place them: without a route there must be one trunk to choose."""
    routed = {route.from_trunk for route in routes if route}
    for name, trunk in trunks.items():
        others = sum(its.side is trunk.side.other for its in trunks.values())
        if trunk.allow and name not in routed and others > 1:
            text = f"sends calls, and {others} trunks are on the other side; say which gets them, in routes"
            yield ("trunks", name), text
