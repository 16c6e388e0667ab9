"""Which tests stay in one worker when there are several."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from config.asterisk.unpack import SUITES

SHARING = ("tests/lab/twilio/", "tests/process/patient/", "tests/real_pbx/")
"""Folders whose tests share what is slow to start: a chain, calls that take a minute, an Asterisk of each version."""


class BySharing(LoadFileScheduling):
    """The tests of a file do, and those of a folder that share what is slow to start."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        for folder in SHARING:
            if file.startswith(folder):
                return folder + "".join(version for version in SUITES if version in nodeid)
        return file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BySharing:
    return BySharing(config, log)
