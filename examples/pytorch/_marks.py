"""Marks where they are wanted: the installed client, else this checkout's, else calls that do nothing."""

import contextlib
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "marks" / "python"))
try:
    from truejoule import span
except ImportError:

    class _Nothing:
        def add(self, **fields):
            pass

    @contextlib.contextmanager
    def span(name, /, **fields):
        yield _Nothing()


__all__ = ["span"]
