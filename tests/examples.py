"""How hypothesis tries its examples."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("any machine", settings(), deadline=None)
settings.load_profile("any machine")
