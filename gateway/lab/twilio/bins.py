"""TwiML Bins: TwiML with Mustache, rendered with the parameters of the webhook. Pure.

`{{SipHeader_X-CustomerID}}` is escaped for XML. `{{#e164}}{{To}}{{/e164}}` takes the number out of a SIP URI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pystache import Renderer
from pystache.common import TemplateNotFoundError
from pystache.parser import ParsingError

_NUMBER = re.compile(r"(?:sips?:)?(\+?[0-9]{2,15})(?:@.*)?", re.DOTALL)


def render_bin(template: str, parameters: Mapping[str, str]) -> str:
    """The TwiML; a parameter that is not there becomes nothing.

    Raises:
        ValueError: the template cannot be read.
    """
    renderer = Renderer(string_encoding="utf-8", missing_tags="ignore")

    def e164(inner: str) -> str:
        return number_in(renderer.render(inner, dict(parameters)))

    try:
        return str(renderer.render(template, {**parameters, "e164": e164}))
    except (ParsingError, TemplateNotFoundError) as error:
        raise ValueError(f"the template cannot be read: {error}") from None


def number_in(text: str) -> str:
    """The number in a SIP URI; any other text as it is."""
    found = _NUMBER.fullmatch(text.strip())
    return found[1] if found else text
