"""Whether marks are recorded, and this process's ring if so. Opened at the first mark, anew after a fork."""

import atexit
import os
import sys
import threading
from typing import Optional

if sys.platform.startswith("linux"):  # fcntl and mmap's flags are not everywhere
    # Here, not at the first mark: a signal handler may make one while that is being imported.
    from ._ring import Ring

_ring: "Optional[Ring]" = None
_tried = False
_pid = os.getpid()
_getpid = os.getpid
# Reentrant: a signal handler may make its first mark while the first mark opens the ring.
_opening = threading.RLock()


def ring() -> "Optional[Ring]":
    """The ring; None when not recording."""
    if _getpid() != _pid:
        _after_fork()  # before the interpreter's own call of it: in another fork hook, or a signal handler there
    return _ring if _tried else _open()


def _open() -> "Optional[Ring]":
    global _ring, _tried
    with _opening:
        if not _tried:
            made = _make()
            if not _tried:  # else a signal handler's mark opened one meanwhile
                _ring, _tried = made, True
    return _ring


def _make() -> "Optional[Ring]":
    folder = os.environ.get("TRUEJOULE_MARKS")
    if not folder or not sys.platform.startswith("linux"):
        return None
    try:
        os.stat(os.path.join(folder, "shared.ring"))  # else it is no recorder's folder, and nobody would read
        ring = Ring(folder)
        # What an exception out of a signal handler left in the queue.
        atexit.register(ring.flush, last=True)
        return ring
    except OSError as error:
        # The program being measured goes on; its owner learns why there are no marks.
        sys.stderr.write("truejoule: no marks: %s\n" % error)
        return None


def _after_fork() -> None:
    """In a forked child, once: the parent's ring is never written to again. What it holds is left first."""
    global _ring, _tried, _opening, _pid
    if _pid == _getpid():
        return
    parents = _ring
    over = parents is not None and parents.closed  # no folder is left to look for
    _ring, _tried, _opening, _pid = None, over, threading.RLock(), _getpid()
    if parents is not None:
        atexit.unregister(parents.flush)
        parents.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
