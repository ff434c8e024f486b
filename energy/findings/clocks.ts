// What the reader must know of the clocks and of what was placed by them.

import type { ClockModel } from "../../align/clocks/clock.ts";
import type { SessionClocks } from "../../align/clocks/fit.ts";
import type { Scan } from "../../align/scanned.ts";
import { clockTotals, type DaqClock, placeNs } from "../../align/clocks/segments.ts";
import { allAbout, type Finding, finding } from "../../schema/findings.ts";
import { append } from "../../schema/lists.ts";
import { OUTSIDE_BLOCKS, OUTSIDE_S } from "../../capture/row-places.ts";

/** A recorder refuses such edges; a log of another's making may have them, and they place nothing. */
export function edgesOutside({ edges, stream, rig }: Scan): Finding[] {
  if (!stream || !rig) return [];
  const { clock, rowHz } = rig.device;
  const slack = clock.hz * (OUTSIDE_S + (OUTSIDE_BLOCKS * stream.rows) / stream.blocks / rowHz);
  const outside = edges.filter(({ stream: of, index, tick }) => {
    if (of !== stream.layout.stream) return false;
    const at = index ?? (tick === undefined ? NaN : Number(tick - (stream.firstTick ?? 0n)));
    return at < stream.firstDevice - slack || at > stream.lastDevice + slack;
  });
  return outside.length > 0
    ? [
        finding(
          "edges-outside",
          "DAQ stream",
          `${outside.length} trigger edges lie outside the rows of the DAQ stream, where none can be: they are not used`,
          outside.length,
        ),
      ]
    : [];
}

/** A device that stalls now and then sends fewer rows than its rig states; another rig's device is off by more. */
const RATE_WITHIN = 1.5;

/** Gaps, edges and step responses are judged by the rig's rate of rows, so it must be this stream's. */
export function strangeRate({ rig, stream }: Scan, { daq }: SessionClocks): Finding[] {
  if (!rig || !stream || !daq || stream.rows < 2) return [];
  const seconds = (placeNs(daq, stream.lastDevice) - placeNs(daq, stream.firstDevice)) / 1e9;
  const rowHz = (stream.rows - 1 + stream.missingRows + stream.pausedRows) / seconds;
  const ratio = rowHz / rig.device.rowHz;
  return ratio > 1 / RATE_WITHIN && ratio < RATE_WITHIN
    ? []
    : [
        finding(
          "row-rate-off",
          rig.name,
          `rig ${rig.name} states ${rig.device.rowHz.toPrecision(4)} rows a second, its stream has ${rowHz.toPrecision(4)}: another device's rig, or a stream that lost rows unnoticed`,
        ),
      ];
}

/** Between sleep and the readings of both clocks lie so many ns at most. */
const SAME_STEP_NS = 50e6;

/** UTC and the monotonic clock should run together; one that goes on alone was set, or the machine slept. */
export function wallClockSteps(scan: Scan): Finding[] {
  return scan.wall.steps.map(({ mono, byNs, sleptNs }) => {
    const at = `${(Number(mono - scan.session.hostEpoch) / 1e9).toFixed(1)} s`;
    if (Math.abs(byNs - sleptNs) <= SAME_STEP_NS)
      return finding(
        "machine-slept",
        "host clock",
        `the machine slept for ${(sleptNs / 1e9).toFixed(1)} s at ${at}: that time is not in the session, nor what was drawn in it in any Joules; counters may have begun anew`,
      );
    return finding(
      "wall-clock-stepped",
      "wall clock",
      `the wall clock stepped by ${(byNs / 1e9).toFixed(3)} s at ${at}; samples that the driver stamps are placed by the clock before and after it, all else does not use it`,
    );
  });
}

/** Marks on a clock that nothing ties to the session make no window; they must not vanish without a word. */
export function unplacedMarks(scan: Scan, clocks: SessionClocks): Finding[] {
  return clocks.marks.clocks.flatMap(({ clock, unplaced }) =>
    unplaced > 0
      ? [
          finding(
            "marks-unplaced",
            clock,
            `clock ${clock}: its ${unplaced} marks match no hardware edges, so they cannot be placed and make no windows`,
            unplaced,
          ),
        ]
      : [],
  );
}

export function clockDoubts(clocks: SessionClocks): Finding[] {
  const { daq } = clocks;
  const out = daq ? daqDoubts(daq) : [];
  for (const m of clocks.named.values())
    append(out, allAbout(m.clock, m.findings, `clock ${m.clock}: `));
  for (const m of clocks.named.values())
    if (clocks.incomplete.has(m.clock)) out.push(incompleteClock(m));
  return out;
}

const incompleteClock = ({ clock, edgesMissing }: ClockModel): Finding =>
  edgesMissing > 0
    ? finding(
        "marks-without-edge",
        clock,
        `clock ${clock}: ${edgesMissing} of its marks have no hardware edge; windows keep their order by the ${clock} clock`,
        edgesMissing,
      )
    : finding(
        "edges-without-mark",
        clock,
        `clock ${clock}: hardware edges between its marks that belong to no mark`,
      );

function daqDoubts(daq: DaqClock): Finding[] {
  const { clock, segments } = daq;
  const { edgesUsed, edgesMissing } = clockTotals(daq);
  const out = segments.flatMap(({ model, fromNs, toNs }, k) => {
    const seconds = [fromNs, toNs].map((t) => (t / 1e9).toFixed(1)).join(" to ");
    const where = segments.length > 1 ? `, segment ${k + 1} (${seconds} s)` : "";
    return allAbout(clock, model.findings, `clock ${clock}${where}: `);
  });
  if (segments.length > 1)
    out.unshift(
      finding(
        "device-restarted",
        clock,
        `clock ${clock}: the device restarted or lost count ${segments.length - 1} times (first at ${(segments[1]!.fromNs / 1e9).toFixed(1)} s): each of its ${segments.length} segments has a line of its own, and windows across them count the time between as a gap`,
        segments.length - 1,
      ),
    );
  if (edgesMissing > 0)
    out.push(
      finding(
        "edges-missing",
        clock,
        `clock ${clock}: ${edgesMissing} edges missing of ${edgesMissing + edgesUsed}`,
        edgesMissing,
      ),
    );
  return out;
}
