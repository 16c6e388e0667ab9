"""Turns what pydantic found into sentences of ours; never shows a value that could be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import ValidationError

from gateway.settings.model import Configuration, Section
from gateway.settings.place import Finding, Place
from gateway.settings.scalars import nearest

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails


_UNKNOWN: Final = "extra_forbidden"


def translate(error: ValidationError, root: type[Section] = Configuration) -> list[Finding]:
    """Every problem with its place, but none for a value that the document has a problem with already.

    `root` is the section that was validated.
    """
    items = error.errors(include_url=False)
    return [
        (item["loc"], _sentence(item, root)) for item in items if item["input"] is not None or item["type"] == _UNKNOWN
    ]


def _sentence(item: ErrorDetails, root: type[Section]) -> str:
    """One of the few kinds of error that our models can have: they convert nothing, so nothing else can fail."""
    place = item["loc"]
    kind = item["type"]
    if kind == "missing":
        return f"is missing: {_keys(_section_at(place, root))[str(place[-1])].description}"
    if kind == _UNKNOWN:
        return _unknown(str(place[-1]), _section_at(place, root))
    if kind in ("model_type", "dict_type"):
        return f"must be a mapping (lines of `key: value`), not {_structure(item['input'])}"
    if kind == "tuple_type":
        return f"must be a list (in [ ], or lines that start with -), not {_structure(item['input'])}"
    return str(item["ctx"]["error"])


def _structure(value: object) -> str:
    """What stands there, without showing it: a password may have lost its key."""
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else "text"


def _unknown(key: str, section: type[Section]) -> str:
    known = _keys(section)
    meant = nearest(key, known)
    return (
        f"is not a known key; did you mean {meant}?" if meant else f"is not a known key; known are {', '.join(known)}"
    )


def _keys(section: type[Section]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _section_at(place: Place, root: type[Section]) -> type[Section]:
    """The section that holds the last key of `place`."""
    section = root
    steps = iter(place[:-1])
    for step in steps:
        annotation = _keys(section)[str(step)].annotation
        if get_origin(annotation) in (dict, tuple):
            next(steps)  # a name of the file's own, or a position
        section = _section_in(annotation) or section
    return section


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section_in(inner))), None)
