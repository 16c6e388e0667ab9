"""The parts of a file that are sound by themselves, so that how parts fit is checked even beside bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from gateway.settings.document import Value
from gateway.settings.model import (
    Admin,
    ContextField,
    Limits,
    Media,
    Profile,
    Route,
    Section,
    Sip,
    Trunk,
    TwilioAccount,
    UuiSides,
)

Model = TypeVar("Model", bound=Section)


@dataclass(frozen=True, slots=True)
class Parts:
    """A configuration in pieces; None stands for a piece whose problems are already known."""

    sip: Sip | None
    media: Media | None
    admin: Admin | None
    limits: Limits | None
    trunks: dict[str, Trunk | None] | None
    profiles: dict[str, Profile | None]
    routes: list[Route | None]
    uui: UuiSides | None
    fields: dict[str, ContextField | None]
    account: TwilioAccount | None


def parts_of(tree: dict[str, Value]) -> Parts:
    """Take a file's tree apart; nothing is reported here."""
    trunks = tree.get("trunks")
    routes = tree.get("routes")
    context = _mapping(tree.get("context"))
    return Parts(
        sip=_sound(Sip, tree.get("sip")),
        media=_sound(Media, tree.get("media", {})),
        admin=_sound(Admin, tree.get("admin", {})),
        limits=_sound(Limits, tree.get("limits", {})),
        trunks={name: _sound(Trunk, value) for name, value in trunks.items()} if isinstance(trunks, dict) else None,
        profiles={name: _sound(Profile, value) for name, value in _mapping(tree.get("profiles")).items()},
        routes=[_sound(Route, value) for value in routes] if isinstance(routes, list) else [],
        uui=_sound(UuiSides, context.get("uui", {})),
        fields={name: _sound(ContextField, value) for name, value in _mapping(context.get("fields")).items()},
        account=_sound(TwilioAccount, tree.get("twilio")),
    )


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _sound(model: type[Model], value: Value) -> Model | None:
    """The part without those of its keys that are bad, if it can be judged without them."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        bad = {item["loc"][0] for item in error.errors() if item["loc"]}
    if not isinstance(value, dict) or bad.intersection(model.essential):
        return None
    try:
        return model.model_validate({key: its for key, its in value.items() if key not in bad})
    except ValidationError:
        return None
