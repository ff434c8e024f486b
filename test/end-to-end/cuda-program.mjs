// A program as marks/cuda would make it look, without CUDA: launches, kernels and clock exchanges in the
// ring, of a GPU whose clock is the host's plus a constant. Kernels come 300 ms late, as records do.
//
//   node cuda-program.mjs SECONDS OUT     OUT gets the kernels' true [start, end], host ns

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HEADER_BYTES, Header, Kind, Slot, SLOT_WORDS } from "../../dist/marks/layout.js";
import { mapRing } from "../../dist/marks/ring-map.js";
import { encodeSlot, slotBuffer } from "../../dist/marks/slot.js";

const [seconds, out] = [Number(process.argv[2]), process.argv[3]];
const ring = mapRing(join(process.env.TRUEJOULE_MARKS, "shared.ring"));
const slot = slotBuffer();
const CLOCK_AHEAD = 1_000_000_000_000n;
const GPU = "gpu:0000:01:00.0";
const pid = process.pid;

function put(kind, name, t, aux, id, fields = {}) {
  const bytes = encodeSlot({ kind, name, t, aux, id, pid, tid: pid, fields }, slot);
  const index = Atomics.add(ring.longs, Header.head / 8, 1n);
  const word = HEADER_BYTES / 4 + (Number(index) & (ring.capacity - 1)) * SLOT_WORDS;
  slot.bytes.copy(ring.bytes, word * 4 + Slot.t, Slot.t, bytes);
  Atomics.store(ring.longs, word / 2, 2n * index + 2n);
}

/** A hundred answers of the GPU, 1 µs each way, and CUPTI's dates of the kernel that gave them. */
function burst() {
  const begin = process.hrtime.bigint();
  for (let i = 0n; i < 100n; i++) {
    const t = begin + 3000n * i;
    put(Kind.exchange, GPU, t, t + 2000n, t + 1000n + CLOCK_AHEAD);
  }
  for (const at of [begin + 1000n, begin + 298_000n])
    put(Kind.exchange, `${GPU} cupti:${pid}`, begin + 500n, begin + 298_500n, at + CLOCK_AHEAD);
}

const kernels = [];
const end = performance.now() + 1e3 * seconds;
let late = [];
for (let id = 1n; performance.now() < end; id++) {
  if (id % 10n === 1n) burst();
  const submit = process.hrtime.bigint();
  put(Kind.submit, "work", submit, 0n, id);
  const name = id % 2n === 0n ? "work" : "other";
  const start = submit + 8000n;
  const length = id % 2n === 0n ? 20_000_000n : 5_000_000n;
  late.push({ due: performance.now() + 300, name, start, end: start + length, id });
  kernels.push([name, String(start), String(start + length)]);
  await sleep(40);
  deliver(performance.now());
}
await sleep(100);
deliver(Infinity);
burst();
writeFileSync(out, JSON.stringify(kernels));

function deliver(now) {
  const shape = { gpu: GPU, stream: 7, grid: "1x1x1", block: "32x1x1" };
  for (const k of late.filter((l) => l.due <= now))
    put(Kind.kernel, k.name, k.start, k.end, k.id, shape);
  late = late.filter((l) => l.due > now);
}
