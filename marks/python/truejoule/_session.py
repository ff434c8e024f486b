"""Whether marks are recorded, and this process's ring if so. Opened at the first mark, anew after a fork."""

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from ._ring import Ring

_ring: "Optional[Ring]" = None
_tried = False
# Reentrant: a signal handler may make its first mark while the first mark opens the ring.
_opening = threading.RLock()


def ring() -> "Optional[Ring]":
    """The ring; None when not recording."""
    return _ring if _tried else _open()


def _open() -> "Optional[Ring]":
    global _ring, _tried
    with _opening:
        if not _tried:
            _ring = _make()
            _tried = True
    return _ring


def _make() -> "Optional[Ring]":
    folder = os.environ.get("TRUEJOULE_MARKS")
    if not folder or not sys.platform.startswith("linux"):
        return None
    from ._ring import Ring  # fcntl and mmap's flags are not everywhere

    try:
        ring = Ring(folder)
        # What an exception out of a signal handler left in the queue.
        atexit.register(ring.flush, last=True)
        return ring
    except OSError as error:
        # The program being measured goes on; its owner learns why there are no marks.
        sys.stderr.write("truejoule: no marks: %s\n" % error)
        return None


def _after_fork() -> None:
    global _ring, _tried, _opening
    over = False
    if _ring is not None:
        atexit.unregister(_ring.flush)
        over = _ring.closed  # no folder is left to look for
        _ring.forget()
    _ring, _tried, _opening = None, over, threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
