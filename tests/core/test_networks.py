"""Networks as text and by the name of who publishes them."""

from __future__ import annotations

import re

import pytest

from gateway.core.networks import PUBLISHED_RANGES, parse_networks


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.0.0.5", ["10.0.0.5/32"]),
        ("10.0.0.0/24", ["10.0.0.0/24"]),
        ("2001:db8::/32", ["2001:db8::/32"]),
        ("twilio", [str(network) for network in PUBLISHED_RANGES["twilio"]]),
    ],
)
def test_an_entry_is_networks(text: str, networks: list[str]) -> None:
    assert [str(network) for network in parse_networks(text)] == networks


@pytest.mark.parametrize("text", ["", "Twilio", "10.0.0.5/24", "10.0.0", "example.com", "10.0.0.0/33"])
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    sentence = f"{text!r} is neither a network such as '10.0.0.0/24' nor a known name (twilio)."
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_networks(text)


def test_twilio_signals_from_eight_ranges_of_four_addresses() -> None:
    assert len(set(PUBLISHED_RANGES["twilio"])) == 8
    assert {network.num_addresses for network in PUBLISHED_RANGES["twilio"]} == {4}
