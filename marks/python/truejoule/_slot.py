"""A mark → the bytes of its slot after ``seq`` (docs/marks.md, "Slot"). Never raises: it runs in the
program being measured."""

import functools
import numbers
import operator
import struct
from typing import Any, Mapping, Tuple

BEGIN, END, INSTANT = 1, 2, 3

MAX_NAME_BYTES = 96
MAX_STRING_BYTES = 255
PAYLOAD_BYTES = 208
_TRUNCATED = 1
_INT, _FLOAT, _BOOL, _STRING = 1, 2, 3, 4

# t, aux, id, pid, tid, kind, flags, name bytes, field count, field bytes, zero
_HEAD = struct.Struct("<QQQIIBBBBHH")
_INT64 = struct.Struct("<q")
_FLOAT64 = struct.Struct("<d")


def encode(
    kind: int, name: str, t_ns: int, number: int, pid: int, tid: int, fields: Mapping[str, Any]
) -> bytes:
    """What does not fit is left out and flagged."""
    text, whole = _known(name if type(name) is str else _plain(name), MAX_NAME_BYTES)
    if type(number) is not int or not 0 <= number < 1 << 64:
        number = _number(number)
    if not fields:
        flags = 0 if whole else _TRUNCATED
        return _HEAD.pack(t_ns, 0, number, pid, tid, kind, flags, len(text), 0, 0, 0) + text
    room = PAYLOAD_BYTES - len(text)
    count = 0
    parts = [b"", text]
    for key, value in fields.items():
        part, fits = _field(key, value)
        if len(part) > room or count == 255:
            whole = False
            continue
        whole = whole and fits
        room -= len(part)
        count += 1
        parts.append(part)
    field_bytes = PAYLOAD_BYTES - len(text) - room
    flags = 0 if whole else _TRUNCATED
    parts[0] = _HEAD.pack(
        t_ns, 0, number, pid, tid, kind, flags, len(text), count, field_bytes, 0
    )
    return b"".join(parts)


def _number(number: Any) -> int:
    """Of a span: 0, none, for what cannot be one that was begun."""
    try:
        index = operator.index(number)
    except Exception:
        return 0
    return index if 0 <= index < 1 << 64 else 0


def _field(key: str, value: Any) -> Tuple[bytes, bool]:
    name, whole = _known((key if type(key) is str else _plain(key)) or "_", MAX_STRING_BYTES)
    try:
        kind, raw, fits = _value(value)
    except Exception:  # a number beyond a double, or of a class whose conversion raises
        kind, raw, fits = _text(_type_of(value))
    return bytes((kind, len(name))) + name + raw, whole and fits


def _value(value: Any) -> Tuple[int, bytes, bool]:
    if isinstance(value, bool):
        return _BOOL, b"\1" if value else b"\0", True
    if isinstance(value, str):
        return _text(_plain(value))
    if isinstance(value, (int, numbers.Integral)):
        number = int(value)
        if -(1 << 63) <= number < 1 << 63:
            return _INT, _INT64.pack(number), True
        return _text(str(number) if number.bit_length() < 512 else _type_of(value))
    if isinstance(value, (float, numbers.Real)):
        return _FLOAT, _FLOAT64.pack(float(value)), True
    # Never str() of a stranger: a CUDA tensor would wait for the GPU, and so change the measurement.
    return _text(_type_of(value))


def _type_of(value: object) -> str:
    return "<%s>" % type(value).__name__


def _plain(value: object) -> str:
    """Of a subclass the text itself, whatever its methods are; of a stranger its type."""
    return str.__str__(value) if isinstance(value, str) else _type_of(value)


def _text(text: str) -> Tuple[int, bytes, bool]:
    raw, fits = _cut(text, MAX_STRING_BYTES)
    return _STRING, bytes((len(raw),)) + raw, fits


def _cut(text: str, limit: int) -> Tuple[bytes, bool]:
    """UTF-8, cut between characters. Lone surrogates become question marks."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw, True
    return raw[:limit].decode("utf-8", "ignore").encode("utf-8"), False


# Names and keys repeat; values do not.
_known = functools.lru_cache(maxsize=1024)(_cut)
