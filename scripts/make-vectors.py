#!/usr/bin/env python3
"""Golden bytes of the DAQ wire protocol, written from docs/wire.md and from nothing else.

Leaves test/vectors/wire.json (one entry a frame: its fields and its bytes), wire-stream.bin (a run with
every accident of a cable in it) and wire-stream.json (what a right decoder makes of that run). Firmware
and host are both checked against them, so this file shares no code with either. Run it after a change
of the page; the test compares the checked-in files with what it prints.

    python3 scripts/make-vectors.py [OUT_DIR]
"""

import json
import os
import random
import struct
import sys
import zlib

SYNC = b"\xf7\x54\x4a\x01"


def frame(kind, flags, sequence, payload):
    assert len(payload) % 4 == 0 and len(payload) <= 16384
    head = SYNC + struct.pack("<BBHI", kind, flags, len(payload), sequence) + payload
    return head + struct.pack("<I", zlib.crc32(head))


def pad4(data):
    return data + b"\0" * (-len(data) % 4)


def pack_rows(rows, bits):
    """Bit-addressed rows by big-integer arithmetic: sample c of a row at bit c * bits."""
    out = b""
    for row in rows:
        word = sum(value << (bits * c) for c, value in enumerate(row))
        out += word.to_bytes((bits * len(row) + 7) // 8, "little")
    return out


def bitmap(levels):
    """One u32 word for every 32 rows, least significant bit first."""
    words = [0] * ((len(levels) + 31) // 32)
    for r, level in enumerate(levels):
        words[r // 32] |= level << (r % 32)
    return struct.pack(f"<{len(words)}I", *words)


def samples(sequence, rows, index, tick, mask=0x0F, bits=12, run=1, lines=0, bitmaps=b""):
    flags = (bits == 16) | (2 if bitmaps else 0) | (run & 15) << 4
    head = struct.pack("<HBBQQ", len(rows), mask, lines, index, tick)
    return frame(0x01, flags, sequence, head + pad4(pack_rows(rows, bits)) + bitmaps)


def edges(sequence, entries, run=1):
    body = struct.pack("<HH", len(entries), 0)
    for index, tick, count, line, level in entries:
        body += struct.pack("<QQIBBH", index, tick, count, line, level, 0)
    return frame(0x02, (run & 15) << 4, sequence, body)


READING = ["end_tick", "duration_ticks", "number", "shunt", "bus", "config", "address", "status"]


def readings(sequence, entries, run=1):
    body = struct.pack("<HBB", len(entries), 1, 0)
    for e in entries:
        body += struct.pack("<QIIhHHBB", *(e[k] for k in READING))
    return frame(0x03, (run & 15) << 4, sequence, body)


STATUS = ["state", "tick", "next_index", "frames_dropped", "rows_overrun", "stalls",
          "longest_stall_ticks", "edges_dropped", "commands_refused"]


def status(sequence, s, run=1):
    return frame(0x04, (run & 15) << 4, sequence, struct.pack("<IQQ6I", *(s[k] for k in STATUS)))


def reply(command, sequence, request, result, running, run, body=b""):
    head = struct.pack("<IHHI", request, result, running, run)
    return frame(0x80 | command, 0, sequence, head + body)


def text(s, size):
    return s.encode().ljust(size, b"\0")


def vectors():
    """(name, fields, bytes) of one frame of every kind."""
    ramp = [[(4 * r + c) * 37 % 4096 for c in range(4)] for r in range(5)]
    edge = [c % 2 for c in (0, 0, 0, 1, 1)]
    wide = [[0, 65535], [32768, 1], [43981, 4660]]
    three = [[4095, 0, 2748], [1, 2, 3]]

    def s(name, rows, **k):
        d = dict(sequence=7, index=0, tick=0, mask=0x0F, bits=12, run=1, lines=0, bitmaps=b"")
        d.update(k)
        fields = {**d, "index": str(d["index"]), "tick": str(d["tick"]), "rows": rows,
                  "bitmaps": d["bitmaps"].hex()}
        return name, "samples", fields, samples(rows=rows, **d)

    yield s("samples: 5 rows of 4 x 12 bits", ramp, index=1000, tick=10_000)
    yield s("samples: index and tick beyond 32 bits", ramp, sequence=0xFFFFFFFF,
            index=2**40 + 3, tick=2**52 + 1, run=15)
    yield s("samples: 3 channels, half a byte of padding a row", three, mask=0b1011)
    yield s("samples: one channel, one row", [[0xABC]], mask=0x80)
    yield s("samples: 16 bits", wide, mask=0x03, bits=16)
    yield s("samples: codes of 12 bits in 16", [[0, 4095], [2748, 1]], mask=0x03, bits=16)
    yield s("samples: bitmap of one line", ramp, lines=0x10, bitmaps=bitmap(edge))
    forty = [[r, 4095 - r] for r in range(40)]
    yield s("samples: bitmaps of two lines over 40 rows", forty, mask=0x11, lines=0x52 | 0x01,
            bitmaps=bitmap([int(r >= 33) for r in range(40)]) + bitmap([r & 1 for r in range(40)]))
    yield s("samples: largest block, 2,727 rows", [[(r + c) & 4095 for c in range(4)]
                                                   for r in range(2727)], sequence=8)

    e = [(1003, 10_031, 17, 0, 1), (2**40, 2**41 + 5, 2**32 - 1, 3, 0)]
    yield ("edges: two", "edges", dict(sequence=9, run=1, entries=[
        dict(index=str(i), tick=str(t), count=n, line=l, level=v) for i, t, n, l, v in e]),
        edges(9, e))
    r = [dict(end_tick=123_456, duration_ticks=2_200, number=0, shunt=-1234, bus=9600,
              config=0x4127, address=0x40, status=0),
         dict(end_tick=2**33, duration_ticks=280, number=1, shunt=0, bus=0, config=0x4007,
              address=0x45, status=1)]
    yield ("readings: one good, one not read", "readings", dict(sequence=10, run=1, entries=[
        {**x, "end_tick": str(x["end_tick"])} for x in r]), readings(10, r))
    st = dict(zip(STATUS, [1, 5_000_000, 625_000, 29, 12, 3, 100_250, 1, 2]))
    yield ("status", "status", {**st, "tick": str(st["tick"]), "next_index": str(st["next_index"]),
                                "sequence": 11, "run": 1}, status(11, st))

    def c(name, kind, payload=b"", sequence=21, **fields):
        return f"command: {name}", "command", dict(sequence=sequence, type=kind, **fields), frame(
            kind, 0, sequence, payload)

    # The one probe that may reach a foreign instrument; docs/wire.md, Identification.
    yield c("identify", 0x40, sequence=2)
    yield c("capabilities", 0x41)
    yield c("read calibration", 0x42, struct.pack("<I", 256), offset=256)
    blob = b'{"adc0":1.01}   '
    yield c("write calibration", 0x43, struct.pack("<3I", 0, len(blob), zlib.crc32(blob)) + blob,
            offset=0, total=len(blob), crc=zlib.crc32(blob), data=blob.hex())
    yield c("start", 0x44)
    yield c("stop", 0x45)
    yield c("configure", 0x46, struct.pack("<IBBH", 125_000_000, 0x0F, 12, 0),
            row_millihertz=125_000_000, mask=0x0F, bits=12)
    yield c("ping", 0x47)
    yield c("mark", 0x48)
    yield c("bootloader", 0x49, struct.pack("<I", 0x544F4F42))

    def p(name, command, body=b"", result=0, running=1, run=3, **fields):
        return f"reply: {name}", "reply", dict(
            sequence=31, type=0x80 | command, request=21, result=result, running=running, run=run,
            **fields), reply(command, 31, 21, result, running, run, body)

    yield p("identity", 0x40, struct.pack("<BBH", 2, 0, 0) + text("truejoule virtual", 20)
            + text("E6614C311B7E2B2F", 16) + text("1.0.0", 16), platform=2,
            model="truejoule virtual", serial="E6614C311B7E2B2F", firmware="1.0.0")
    channels = [dict(channel=c, converter_bits=12, signed=0, quantity=1 + (c & 1), skew_ns=2000 * c,
                     full_scale_uv=3_300_000, bandwidth_hz=50_000, name=f"rail {c // 2} µ")
                for c in range(2)]
    caps = dict(tick_hz=1_000_000, tick_tolerance_ppb=30_000, row_millihertz=125_000_000,
                max_samples_hz=500_000, mask=3, bits=12, edge_lines=1, sampled_lines=2,
                rows_per_block=512)
    body = struct.pack("<4I4BHBB", *caps.values(), len(channels), 32)
    for ch in channels:
        body += struct.pack("<BBBBiII", *list(ch.values())[:-1]) + text(ch["name"], 16)
    yield p("capabilities", 0x41, body, **caps, channels=channels)
    yield p("calibration page", 0x42, struct.pack("<II", 0, len(blob)) + blob, offset=0,
            total=len(blob), data=blob.hex())
    yield p("pong", 0x47, struct.pack("<QQ", 2**35, 2**35 + 17), received=str(2**35),
            sent=str(2**35 + 17))
    yield p("marked", 0x48, struct.pack("<QQ", 4711, 37_688), index="4711", tick="37688")
    yield p("marked at rest, after run 3", 0x48, struct.pack("<QQ", 0, 37_688), running=0,
            index="0", tick="37688")
    yield p("marked before any start", 0x48, struct.pack("<QQ", 0, 37_688), running=0, run=0,
            index="0", tick="37688")
    yield p("refused", 0x46, result=3)


def stream():
    """A run of 60 blocks of 8 rows with accidents, and the account of it."""
    rng = random.Random(20260301)
    rows = lambda k: [[(k * 8 + r + 512 * c) & 4095 for c in range(4)] for r in range(8)]
    make = lambda k, run=1: samples(100 + k, rows(k), 8 * k, 80 * k, run=run)
    out, order = b"", []
    x = dict(frames=0, skipped_bytes=0, bad_frames=0, frames_lost=0, rows_lost=0, duplicates=0, reordered=0, restarts=0,
             unknown=0, other_version=0, malformed=0)
    out += bytes(rng.randrange(256) for _ in range(301)) + SYNC[:3]
    x["other_version"] += 1  # those three bytes, with the next frame's first as version
    for k in range(60):
        f = make(k)
        if k == 5:  # one bit flipped in the samples
            f = f[:40] + bytes([f[40] ^ 4]) + f[41:]
            x["bad_frames"] += 1
        elif k == 9:  # lost on the way
            f = b""
        elif k in (12, 13):  # swapped on the way: 13 comes first
            f = make(25 - k)
        elif k == 17:  # sent twice
            f += f
        elif k == 20:  # cut in the middle
            f = f[: len(f) // 2]
            x["bad_frames"] += 1
        elif k == 23:  # a later revision's record, and a payload that grew
            f = frame(0x3E, 9, 100 + k, b"\1\2\3\4" * 5)
            x["unknown"] += 1
        elif k == 27:  # another version of the protocol
            f = SYNC[:3] + b"\x02" + b"abcdefgh" + f
            x["other_version"] += 1
        elif k == 31:  # a length beyond the limit behind a good sync
            f = SYNC + b"\x01\x00\xfc\xff" + f
            x["bad_frames"] += 1
        elif k == 35:  # whole and checked, but shorter than its rows
            f = frame(0x01, 0x10, 100 + k, struct.pack("<HBBQQ", 8, 15, 0, 8 * k, 80 * k) + b"\0" * 8)
            x["malformed"] += 1
        elif k == 40:
            f += bytes(rng.randrange(256) for _ in range(1000))
        out += f
        x["frames"] += {5: 0, 9: 0, 17: 2, 20: 0}.get(k, 1)
    for k in range(3):  # the device starts again: new run, counters from 0
        out += samples(500 + k, rows(k), 8 * k, 80 * k, run=2)
    x["frames"] += 3
    # Every whole frame here is a block of 8 rows, but for the two that are not.
    good = (x["frames"] - 2) * len(make(0)) + (16 + 20) + (16 + 28)
    x["skipped_bytes"] = len(out) - good
    x["restarts"] = 1
    # Lost to sequence: 105, 109, 120. 123 and 135 arrived, though no rows could be had from them. And over the
    # border between the runs, 160 to 499.
    x["frames_lost"] = 3 + 340
    x["rows_lost"] = 8 * 5
    x["duplicates"] = 1
    x["reordered"] = 1
    blocks = []
    for k in range(60):
        if k in (5, 9, 20, 23, 35):
            continue
        if k == 12:
            blocks += [(13, 1), (12, 4)]
        elif k != 13:
            gap = k in (6, 10, 21, 24, 36)
            blocks.append((k, 1 if gap else 0))
            if k == 17:
                blocks.append((17, 2))
    x["blocks"] = [dict(index=8 * k, flags=fl) for k, fl in blocks]
    x["blocks"] += [dict(index=8 * k, run=2, flags=0) for k in range(3)]
    return out, x


def main(out_dir):
    os.makedirs(out_dir, exist_ok=True)
    entries = [dict(name=n, kind=k, fields=f, hex=b.hex()) for n, k, f, b in vectors()]
    write = lambda name, data: open(os.path.join(out_dir, name), "wb").write(data)
    dump = lambda o: (json.dumps(o, indent=1, ensure_ascii=False) + "\n").encode()
    write("wire.json", ("[\n" + ",\n".join(json.dumps(e, ensure_ascii=False) for e in entries)
                        + "\n]\n").encode())
    data, account = stream()
    write("wire-stream.bin", data)
    write("wire-stream.json", dump(account))


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "test", "vectors"))
