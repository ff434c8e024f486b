"""Event marks for truejoule (docs/marks.md).

In: calls from any thread. Out: slots of this process's ring in the folder that ``TRUEJOULE_MARKS``
names. Without that variable, or off Linux, every call does nothing.
"""

import contextvars
import functools
import inspect
import itertools
import time
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar, Union, cast

from . import _session
from ._slot import BEGIN, END, INSTANT

__all__ = ["Span", "begin", "end", "mark", "recording", "span"]

FieldValue = Union[int, float, bool, str]
_Function = TypeVar("_Function", bound=Callable[..., Any])

# next() of a count is one step of the interpreter: threads never draw the same number.
_numbers = itertools.count(1)


def recording() -> bool:
    """Whether marks are being recorded. The first call, of this or any other, opens the ring (some ms)."""
    ring = _session.ring()
    return ring is not None and not ring.closed


def mark(name: str, /, **fields: FieldValue) -> None:
    """Marks an instant."""
    _put(INSTANT, name, 0, fields)


def begin(name: str, /, **fields: FieldValue) -> int:
    """Opens a span. Returns what `end` wants; spans may overlap, nest and end in another thread."""
    number = next(_numbers)
    _put(BEGIN, name, number, fields)
    return number


def end(name: str, number: int, /, **fields: FieldValue) -> None:
    """Closes the span that `begin` opened."""
    _put(END, name, number, fields)


def _put(kind: int, name: str, number: int, fields: Dict[str, FieldValue]) -> None:
    t_ns = time.monotonic_ns()  # before opening the ring
    ring = _session.ring()
    if ring is not None:
        ring.put(kind, name, t_ns, number, fields)


# What a thread or task has open, newest first: the span, its number, its late fields, and those below.
_Open = Optional[Tuple["Span", int, Dict[str, FieldValue], Any]]
_open: "contextvars.ContextVar[_Open]" = contextvars.ContextVar("truejoule_open_spans", default=None)


def _without(opened: _Open, one: _Open) -> _Open:
    above = []
    while opened is not None and opened is not one:
        above.append(opened)
        opened = opened[3]
    below = None if opened is None else opened[3]
    for kept in reversed(above):  # none, where spans end in the order that `with` gives them
        below = (*kept[:3], below)
    return below


class Span:
    """A span as a context manager or a decorator; made by `span`. One object may be entered again while it is open."""

    __slots__ = ("_fields", "_last", "_name")

    def __init__(self, name: str, fields: Dict[str, FieldValue]) -> None:
        self._name = name
        self._fields = fields
        self._last: _Open = None

    def _newest(self) -> _Open:
        """As this thread or task entered it; else (a generator that another one closes) as it was entered last."""
        opened = _open.get()
        while opened is not None and opened[0] is not self:
            opened = opened[3]
        return self._last if opened is None else opened

    def add(self, **fields: FieldValue) -> None:
        """Fields that are known only now; they go with the end of the span."""
        newest = self._newest()
        if newest is not None:
            newest[2].update(fields)

    def __enter__(self) -> "Span":
        self._last = (self, begin(self._name, **self._fields), {}, _open.get())
        _open.set(self._last)
        return self

    def __exit__(self, kind: Optional[type], error: Any, traceback: Any) -> None:
        newest = self._newest()
        if newest is None:
            return
        if kind is not None:
            newest[2]["error"] = kind.__name__
        end(self._name, newest[1], **newest[2])
        _open.set(_without(_open.get(), newest))

    def __call__(self, function: _Function) -> _Function:
        """Decorates a function, coroutine function or generator: each call is a span of its own."""
        if inspect.isasyncgenfunction(function):
            raise TypeError("span cannot decorate an async generator; use `with span(…)` inside it")
        wrapper: Any
        if inspect.iscoroutinefunction(function):

            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Span(self._name, self._fields):
                    return await function(*args, **kwargs)

        elif inspect.isgeneratorfunction(function):

            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Span(self._name, self._fields):
                    return (yield from function(*args, **kwargs))

        else:

            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Span(self._name, self._fields):
                    return function(*args, **kwargs)

        return cast(_Function, functools.wraps(function)(wrapper))


def span(name: str, /, **fields: FieldValue) -> Span:
    """``with span("prefill", batch_size=8):`` or ``@span("decode")``.

    An exception is noted on the end of the span, as ``error`` with its type's name, and passes on.
    """
    return Span(name, fields)
