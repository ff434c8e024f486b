// Tracks, slices, instants and counter values → a Perfetto trace file, packet by packet, in bounded memory.
// Field numbers are those of protos/perfetto/trace (perfetto.dev, "Writing TrackEvent Protos Synthetically"),
// listed in docs/perfetto.md. All packets stand on one sequence; packets need not come in order of time.

import { ProtoBuffer } from "../../formats/protobuf.ts";

const Trace = { packet: 1 } as const;
const Packet = {
  clockSnapshot: 6,
  timestamp: 8,
  sequence: 10,
  trackEvent: 11,
  internedData: 12,
  sequenceFlags: 13,
  trackDescriptor: 60,
} as const;
const Clock = { snapshotClocks: 1, id: 1, timestamp: 2, realtime: 1, boottime: 6 } as const;
const Descriptor = { uuid: 1, name: 2, process: 3, parent: 5, counter: 8, ordering: 11, rank: 12 };
const Process = { pid: 1, name: 6 } as const;
const Counter = { unitName: 6 } as const;
const Event = {
  annotation: 4,
  type: 9,
  nameIid: 10,
  track: 11,
  name: 23,
  doubleValue: 44,
} as const;
const Annotation = { nameIid: 1, bool: 2, double: 5, string: 6 } as const;
const Interned = { eventNames: 2, annotationNames: 3, iid: 1, name: 2 } as const;
const Type = { sliceBegin: 1, sliceEnd: 2, instant: 3, counter: 4 } as const;
const Flags = { stateCleared: 1, needsState: 2 } as const;
/** Children are shown in the order of `rank`. */
const EXPLICIT = 3;
const SEQUENCE = 1;
const BLOCK = 1 << 20;

export type Arguments = Readonly<Record<string, string | number | boolean>>;

/** A track's number in the trace. */
export type Track = number;

/** What a slice or an instant is called, and what is known of it. */
export interface Label {
  readonly name: string;
  readonly args: Arguments;
  /** The name will come again: it is written once. */
  readonly repeats: boolean;
}

/** Where an event stands, and of what kind it is. */
interface Place {
  readonly track: Track;
  readonly tNs: number;
  readonly type: number;
}

export class PerfettoTrace {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #baseNs: bigint;
  readonly #p = new ProtoBuffer();
  readonly #eventNames = new Map<string, number>();
  readonly #argumentNames = new Map<string, number>();
  #tracks = 0;
  #packets = 0;

  /** @param baseNs trace time of session time 0: stamps cannot be negative. */
  constructor(write: (bytes: Uint8Array) => void, baseNs: bigint) {
    this.#write = write;
    this.#baseNs = baseNs;
  }

  get packets(): number {
    return this.#packets;
  }

  /** Says which UTC session time 0 was. */
  wallClock(unixNs: bigint): void {
    this.#packet(() => {
      const p = this.#p;
      const snapshot = p.begin(Packet.clockSnapshot);
      for (const [id, t] of [
        [Clock.boottime, this.#baseNs],
        [Clock.realtime, unixNs],
      ] as const) {
        const clock = p.begin(Clock.snapshotClocks);
        p.uint(Clock.id, id);
        p.uint64(Clock.timestamp, t);
        p.end(clock);
      }
      p.end(snapshot);
    });
  }

  /** The root of a run's tracks, shown as a process. */
  root(name: string): Track {
    return this.#describe(undefined, undefined, () => {
      const process = this.#p.begin(Descriptor.process);
      this.#p.uint(Process.pid, 1);
      this.#p.text(Process.name, name);
      this.#p.end(process);
    });
  }

  /** A track of slices and instants. Tracks of one name beside each other are shown as one. */
  track(parent: Track, name: string): Track {
    return this.#describe(parent, name);
  }

  counter(parent: Track, name: string, unit: string): Track {
    return this.#describe(parent, name, () => {
      const counter = this.#p.begin(Descriptor.counter);
      this.#p.text(Counter.unitName, unit);
      this.#p.end(counter);
    });
  }

  slice(track: Track, [t0Ns, t1Ns]: readonly [number, number], label: Label): void {
    this.#named({ track, tNs: t0Ns, type: Type.sliceBegin }, label);
    this.#event({ track, tNs: t1Ns, type: Type.sliceEnd });
  }

  instant(track: Track, tNs: number, name: string, args: Arguments = {}): void {
    this.#named({ track, tNs, type: Type.instant }, { name, args, repeats: true });
  }

  value(track: Track, tNs: number, value: number): void {
    const body = (): void => this.#p.double(Event.doubleValue, value);
    this.#event({ track, tNs, type: Type.counter }, body);
  }

  /** Writes what still waits. */
  flush(): void {
    if (this.#p.length > 0) this.#write(this.#p.bytes);
    this.#p.clear();
  }

  #describe(parent: Track | undefined, name: string | undefined, more?: () => void): Track {
    const track = ++this.#tracks;
    this.#packet(() => {
      const p = this.#p;
      const descriptor = p.begin(Packet.trackDescriptor);
      p.uint(Descriptor.uuid, track);
      if (name !== undefined) p.text(Descriptor.name, name);
      if (parent !== undefined) p.uint(Descriptor.parent, parent);
      more?.();
      p.uint(Descriptor.ordering, EXPLICIT);
      p.uint(Descriptor.rank, track);
      p.end(descriptor);
    });
    return track;
  }

  #named(at: Place, { name, args, repeats }: Label): void {
    const p = this.#p;
    const before: (() => void)[] = [];
    const nameIid = repeats ? this.#intern(this.#eventNames, name, before, Interned.eventNames) : 0;
    const entries = Object.entries(args).map(([key, value]) => ({
      iid: this.#intern(this.#argumentNames, key, before, Interned.annotationNames),
      value,
    }));
    const define =
      before.length === 0
        ? undefined
        : (): void => {
            const data = p.begin(Packet.internedData);
            before.forEach((entry) => entry());
            p.end(data);
          };
    const body = (): void => {
      if (nameIid > 0) p.uint(Event.nameIid, nameIid);
      else p.text(Event.name, name);
      for (const { iid, value } of entries) this.#annotate(iid, value);
    };
    this.#event(at, body, define);
  }

  #annotate(nameIid: number, value: string | number | boolean): void {
    const p = this.#p;
    const annotation = p.begin(Event.annotation);
    p.uint(Annotation.nameIid, nameIid);
    if (typeof value === "number") p.double(Annotation.double, value);
    else if (typeof value === "boolean") p.uint(Annotation.bool, value ? 1 : 0);
    else p.text(Annotation.string, value);
    p.end(annotation);
  }

  /** Number of a text that repeats; `before` gets what writes it, the first time. */
  #intern(known: Map<string, number>, text: string, before: (() => void)[], field: number): number {
    const iid = known.get(text);
    if (iid !== undefined) return iid;
    const made = known.size + 1;
    known.set(text, made);
    before.push(() => {
      const entry = this.#p.begin(field);
      this.#p.uint(Interned.iid, made);
      this.#p.text(Interned.name, text);
      this.#p.end(entry);
    });
    return made;
  }

  #event({ track, tNs, type }: Place, body?: () => void, define?: () => void): void {
    this.#packet(() => {
      const p = this.#p;
      p.uint64(Packet.timestamp, this.#baseNs + BigInt(Math.round(tNs)));
      define?.();
      const event = p.begin(Packet.trackEvent);
      p.uint(Event.type, type);
      p.uint(Event.track, track);
      body?.();
      p.end(event);
    });
  }

  #packet(body: () => void): void {
    const p = this.#p;
    const packet = p.begin(Trace.packet);
    p.uint(Packet.sequence, SEQUENCE);
    p.uint(Packet.sequenceFlags, this.#packets === 0 ? Flags.stateCleared : Flags.needsState);
    body();
    p.end(packet);
    this.#packets++;
    if (p.length > BLOCK) this.flush();
  }
}
