"""Whether each field of the contract can travel as configured, on every trunk it could meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.core.locators import Kind
from gateway.core.plan import TransferMode
from gateway.core.sending import refer_problems, sending_problems
from gateway.core.terms import Side
from gateway.core.uui import DiscriminatorPlace
from gateway.core.variables import WRITTEN_BACK
from gateway.settings.build import build_contract, build_profiles, build_trunk, kinds_of_message
from gateway.settings.model import Context, ContextField, UuiSides
from gateway.settings.parts import Parts
from gateway.settings.place import Finding
from gateway.settings.words import field_name_problem


def check_context(parts: Parts) -> Iterator[Finding]:
    """What keeps fields from being read or written."""
    for name, field in parts.fields.items():
        problem = field_name_problem(name)
        if problem:
            yield ("context", "fields", name), problem
        if field and field.pbx is None and field.twilio is None:
            yield ("context", "fields", name), "has no place: give it pbx, twilio or both"
    yield from _uui_findings(parts.uui)
    sound = {name: field for name, field in parts.fields.items() if field}
    contract = build_contract(Context(fields=sound, uui=parts.uui or UuiSides()))
    profiles = build_profiles({name: profile for name, profile in parts.profiles.items() if profile})
    trunks = [
        build_trunk(name, trunk, profiles)
        for name, trunk in (parts.trunks or {}).items()
        if trunk and (trunk.profile is None or trunk.profile in profiles)
    ]
    relays = any(trunk.transfer is TransferMode.RELAY for trunk in trunks if trunk.side is Side.PBX)
    if any(trunk.write_back for trunk in trunks):
        yield from _write_back_findings(sound)
    for profile in dict.fromkeys(trunk.profile for trunk in trunks):
        referred = refer_problems(contract.fields, profile) if relays else ()
        for found in [*sending_problems(contract.fields, profile), *referred]:
            yield ("context", "fields", found.field, found.key), found.text
    for kind in kinds_of_message(trunks):
        for found in contract.problems(*kind):
            yield ("context", "fields", found.field, found.key), found.text


def _write_back_findings(fields: Mapping[str, ContextField]) -> Iterator[Finding]:
    """Asterisk takes underscores before a name for how far the variable is inherited, and not for a part of it."""
    for name, field in fields.items():
        place = field.pbx
        if place and place.kind is Kind.VAR and place.name.startswith("_") and WRITTEN_BACK.intersection(field.on):
            text = f"{place.text} cannot be written back (trunks.NAME.write_back): leave the underscore out"
            yield ("context", "fields", name, "pbx"), text


def _uui_findings(uui: UuiSides | None) -> Iterator[Finding]:
    for side, setup in (("pbx", uui.pbx), ("twilio", uui.twilio)) if uui else ():
        if setup.discriminator is None and setup.discriminator_in is not DiscriminatorPlace.DATA:
            yield ("context", "uui", side, "discriminator_in"), "there is no discriminator to put there; set it too"
