"""Parses a Perfetto trace with the classes that Perfetto publishes (pip install perfetto protobuf).

usage: perfetto-check.py TRACE. Prints what is in it; exit 1 when a field is unknown to the schema, a slice
stays open or is closed twice, an event has no track, or a counter event stands on a track that is none.
"""

import sys
from collections import Counter

from google.protobuf.unknown_fields import UnknownFieldSet
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

trace = Trace()
with open(sys.argv[1], "rb") as file:
    trace.ParseFromString(file.read())


def unknown(message):
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            many = value if hasattr(value, "append") or hasattr(value, "add") else [value]
            count += sum(unknown(m) for m in many)
    return count


problems = Counter()
tracks = {}
names = {}
for packet in trace.packet:
    problems["unknown fields"] += unknown(packet)
    if packet.HasField("track_descriptor"):
        tracks[packet.track_descriptor.uuid] = packet.track_descriptor
    for entry in packet.interned_data.event_names:
        names[entry.iid] = entry.name

kinds = Counter()
depth = Counter()
events = [p for p in trace.packet if p.HasField("track_event")]
for packet in sorted(events, key=lambda p: p.timestamp):
    event = packet.track_event
    track = tracks.get(event.track_uuid)
    kinds[TrackEvent.Type.Name(event.type)] += 1
    if track is None:
        problems["events without a track"] += 1
    elif track.HasField("counter") != (event.type == TrackEvent.TYPE_COUNTER):
        problems["events of the wrong kind for their track"] += 1
    if event.type == TrackEvent.TYPE_SLICE_BEGIN:
        depth[event.track_uuid] += 1
        if not event.name and event.name_iid not in names:
            problems["slices without a name"] += 1
    if event.type == TrackEvent.TYPE_SLICE_END:
        depth[event.track_uuid] -= 1
        if depth[event.track_uuid] < 0:
            problems["ends without a begin"] += 1
problems["slices left open"] = sum(depth.values())

found = {what: count for what, count in problems.items() if count}
print({"packets": len(trace.packet), "tracks": len(tracks), **kinds, "problems": found})
sys.exit(1 if found else 0)
