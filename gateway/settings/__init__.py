"""The configuration file: read strictly, checked as a whole, compiled into a `Plan`; it opens no socket."""

from __future__ import annotations

from gateway.settings.certificates import certificate_end, certificate_problems
from gateway.settings.load import Settings, load
from gateway.settings.report import build_report

__all__ = ["Settings", "build_report", "certificate_end", "certificate_problems", "load"]
