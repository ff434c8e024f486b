"""Reads a log with the reader that the MCAP project publishes (pip install mcap): it must take a sealed log of ours
as any other.

usage: mcap-check.py CAPTURE. Prints what is in it; exit 1 when the reader refuses it, with every CRC checked, in
order of the file and by its index; when both ways do not give the same messages; or when it has no seal.
"""

import sys
from collections import Counter

from mcap.reader import NonSeekingReader, SeekingReader
from mcap.records import Attachment, Metadata
from mcap.stream_reader import StreamReader

path = sys.argv[1]


def count(reader):
    return Counter(channel.topic for _, channel, _ in reader.iter_messages())


with open(path, "rb") as file:
    records = list(StreamReader(file, validate_crcs=True, emit_chunks=True).records)
with open(path, "rb") as file:
    in_order = count(NonSeekingReader(file, validate_crcs=True))
with open(path, "rb") as file:
    reader = SeekingReader(file, validate_crcs=True)
    by_index = count(reader)
    statistics = reader.get_summary().statistics

attachments = [r.name for r in records if isinstance(r, Attachment)]
seals = [r for r in records if isinstance(r, Metadata)]
print(dict(in_order), f"{len(seals)} seals, attachments {attachments}")
problems = []
if in_order != by_index:
    problems.append(f"in order {dict(in_order)}, by index {dict(by_index)}")
if statistics and statistics.message_count != sum(in_order.values()):
    problems.append(f"{statistics.message_count} messages in the statistics")
if not in_order:
    problems.append("no message")
if not seals:
    problems.append("no seal")
for p in problems:
    print(f"problem: {p}", file=sys.stderr)
sys.exit(bool(problems))
