"""Runs inside the gateway that is soaked: on SIGUSR1 it says what of its memory is in use, in a file.

Resident memory cannot tell a leak: glibc keeps what was freed between two blocks in use, so it stays as high as in the
busiest half minute. What malloc and Python have given out and not got back is the truth, and only the process knows it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path

FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _Mallinfo2(ctypes.Structure):
    """What malloc says of itself (mallinfo(3), glibc 2.33 and newer)."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


def _tell(*_: object) -> None:
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    found = mallinfo2()
    told = Path(os.environ["SOAK_MEMORY"])
    written = told.with_suffix(".new")
    written.write_text(json.dumps({"heap": found.uordblks + found.hblkhd, "blocks": sys.getallocatedblocks()}))
    written.replace(told)


signal.signal(signal.SIGUSR1, _tell)
