#!/usr/bin/env python3
"""A small sealed log, written from docs/capture.md and the MCAP specification and from nothing else.

Leaves test/vectors/chain.mcap and test/vectors/chain.json: where each seal begins, what it seals, its value,
the head of the chain; and copies of the log that someone changed, each with the links that a reader names in
the order of its bytes: altered, missing, again or out of place. It shares no code with the program that is checked against it. Run it after a
change of the page; the test compares the checked-in files with what it prints.

    python3 scripts/make-chain-vectors.py [OUT_DIR]
"""

import hashlib
import json
import os
import struct
import sys
import zlib

MAGIC = b"\x89MCAP0\r\n"


def record(opcode, body):
    return bytes([opcode]) + struct.pack("<Q", len(body)) + body


def text(s):
    return struct.pack("<I", len(s.encode())) + s.encode()


def pairs(*entries):
    body = b"".join(text(k) + text(v) for k, v in entries)
    return struct.pack("<I", len(body)) + body


def attachment(name, media, data):
    body = struct.pack("<QQ", 0, 0) + text(name) + text(media) + struct.pack("<Q", len(data)) + data
    return record(0x09, body + struct.pack("<I", zlib.crc32(body)))


def chunk(records):
    body = struct.pack("<QQQI", 0, 0, len(records), zlib.crc32(records)) + text("")
    return record(0x06, body + struct.pack("<Q", len(records)) + records)


def marks(sequence, name):
    """A chunk of one mark, and the index of its one channel."""
    mark = json.dumps(dict(name=name, phase="instant", clock="host", t="7")).encode()
    declared = record(0x03, struct.pack("<H", 1) + text("marks") + text("") + struct.pack("<I", 0))
    declared += record(0x04, struct.pack("<HH", 0, 1) + text("marks") + text("json") + pairs())
    message = record(0x05, struct.pack("<HIQQ", 0, sequence, 0, 0) + mark)
    index = record(0x07, struct.pack("<HIQQ", 0, 16, 0, len(declared)))
    return chunk(declared + message) + index


def seal(link, sealed):
    digest = hashlib.sha256(sealed).hexdigest()
    entries = [("link", str(link)), ("bytes", str(len(sealed))), ("sha256", digest)]
    return record(0x0C, text("truejoule.seal") + pairs(*entries))


def session():
    return json.dumps(dict(schema="session/1", id="vector", source="virtual", host_clock="monotonic",
                           host_epoch_ns="0", start_unix_ns=None, assumed_zone=None,
                           software="chain vectors", labels={})).encode()


def log(parts):
    """Data section with a seal behind each part, then DataEnd, no summary, footer."""
    data, begins, seals = MAGIC + record(0x01, text("truejoule") + text("chain vectors")), 0, []
    for link, part in enumerate(parts):
        data += part
        at = len(data)
        data += seal(link, data[begins:])
        seals.append(dict(link=link, at=at, bytes=at - begins,
                          sha256=hashlib.sha256(data[begins:at]).hexdigest()))
        begins = at
    return ended(data), seals


def ended(data):
    footer = record(0x02, struct.pack("<QQ", 0, 0) + b"\0" * 4)
    footer = footer[:-4] + struct.pack("<I", zlib.crc32(footer[:-4]))
    return data + record(0x0F, struct.pack("<I", zlib.crc32(data))) + footer + MAGIC


def main(out_dir):
    parts = [attachment("session.json", "application/json", session()),
             attachment("note.txt", "text/plain", b"anything"),
             marks(0, "first"), marks(1, "second"), marks(2, "third")]
    whole, seals = log(parts)
    end = len(whole) - 13 - 29 - 8
    data, at = whole[:end], [s["at"] for s in seals]
    start = [len(MAGIC) + 9 + 4 + 9 + 4 + 13]
    for k in range(len(parts)):
        following = at[k + 1] - len(parts[k + 1]) if k + 1 < len(parts) else end
        start.append(following)
    edited = parts[3].replace(b"second", b"SECOND")
    records = edited[49:9 + struct.unpack_from("<Q", edited, 1)[0]]
    edited = edited[:33] + struct.pack("<I", zlib.crc32(records)) + edited[37:]
    unit = lambda k: data[start[k]:start[k + 1]]
    spoiled = [
        ("the chunk of link 3 changed, its CRC mended", data[:start[3]] + edited + data[at[3]:], [3]),
        ("link 2 removed", data[:start[2]] + data[start[3]:], [2]),
        ("links 2 and 3 changed places", data[:start[2]] + unit(3) + unit(2) + data[start[4]:], [2, 2, 3]),
        ("link 1 doubled", data[:start[2]] + unit(1) + data[start[2]:], [1]),
        ("links 3 and 4 cut off", data[:start[3]], []),
    ]
    rewritten, _ = log(parts[:3] + [edited] + parts[4:])
    names = [(n, ended(d), broken) for n, d, broken in spoiled]
    names.append(("the chunk of link 3 changed, the chain made anew", rewritten, []))
    document = dict(
        log="chain.mcap", head=seals[-1]["sha256"], links=len(seals), seals=seals,
        spoiled=[dict(name=n, hex=b.hex(), broken_links=broken) for n, b, broken in names])
    os.makedirs(out_dir, exist_ok=True)
    with open(os.path.join(out_dir, "chain.mcap"), "wb") as f:
        f.write(whole)
    with open(os.path.join(out_dir, "chain.json"), "w") as f:
        f.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "test", "vectors"))
