import { describe, expect, test } from "@jest/globals";
import { type FetchSamples, samplesReader, stampBase } from "../../nvml/buffered.ts";

const UNIX_US = 1.795e15;
const BOOT_US = 4e9;
const clocks = (): { unixUs: number; bootUs: number } => ({ unixUs: UNIX_US, bootUs: BOOT_US });

type Row = [value: number, code: number, stampUs: number];

function read(reader: ReturnType<typeof samplesReader>): Row[] {
  const rows: Row[] = [];
  reader({ put: (v, c, s) => void rows.push([v, c, s]) });
  return rows;
}

/** A ring whose stamps lie at `base` + k·20 ms; answers those after `since`. */
function ring(base: number, newest: () => number): FetchSamples {
  return (sinceUs, into) => {
    into.count = 0;
    for (let k = Math.max(0, newest() - 119); k <= newest(); k++)
      if (base + k * 20e3 > sinceUs) {
        into.stampUs[into.count] = base + k * 20e3;
        into.valueW[into.count++] = k;
      }
    return into.count > 0 ? 0 : 6;
  };
}

describe("sample ring", () => {
  test("the clock base is inferred from the stamp", () => {
    expect(stampBase(UNIX_US - 2e6, UNIX_US, BOOT_US)).toBe("unix");
    expect(stampBase(BOOT_US - 2e6, UNIX_US, BOOT_US)).toBe("boot");
    expect(stampBase(1e12, UNIX_US, BOOT_US)).toBe("unknown");
  });

  test("boot stamps are put on Unix time; unknown ones are put without a stamp", () => {
    expect(
      read(
        samplesReader(
          ring(BOOT_US - 1e6, () => 0),
          clocks,
        ),
      ),
    ).toEqual([[0, 0, UNIX_US - 1e6]]);
    expect(
      read(
        samplesReader(
          ring(1e12, () => 0),
          clocks,
        ),
      ),
    ).toEqual([[0, 0, NaN]]);
  });

  test("each sample is put once; none is no failure", () => {
    let newest = 9;
    const reader = samplesReader(
      ring(UNIX_US - 1e6, () => newest),
      clocks,
    );
    expect(read(reader).map((r) => r[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(read(reader)).toEqual([]);
    newest = 12;
    expect(read(reader).map((r) => r[0])).toEqual([10, 11, 12]);
  });

  test("a driver that repeats old samples is not believed twice", () => {
    const stubborn: FetchSamples = (_since, into) => {
      into.count = 1;
      into.stampUs[0] = UNIX_US;
      into.valueW[0] = 100;
      return 0;
    };
    const reader = samplesReader(stubborn, clocks);
    expect(read(reader)).toHaveLength(1);
    expect(read(reader)).toHaveLength(0);
  });

  test.each([0.3, 7, 7200])(
    "a Unix clock set back by %d s neither silences the ring nor repeats it",
    (backS) => {
      let truthUs = 0;
      let setUs = 0;
      const stamps: number[] = [];
      const fetch: FetchSamples = (sinceUs, into) => {
        into.count = 0;
        stamps.slice(-120).forEach((stampUs, i, ring) => {
          if (stampUs <= sinceUs) return;
          into.stampUs[into.count] = stampUs;
          into.valueW[into.count++] = stamps.length - ring.length + i;
        });
        return into.count > 0 ? 0 : 6;
      };
      const reader = samplesReader(fetch, () => ({
        unixUs: UNIX_US + truthUs + setUs,
        bootUs: BOOT_US + truthUs,
      }));
      const got: number[] = [];
      for (let tick = 0; tick < 200; tick++) {
        for (let k = 0; k < 5; k++) {
          // In the midst of what the ring takes between two harvests.
          if (tick === 100 && k === 2) setUs = -backS * 1e6;
          truthUs += 20e3;
          stamps.push(UNIX_US + truthUs + setUs);
        }
        truthUs += 137;
        got.push(...read(reader).map((r) => r[0]));
      }
      expect([...got].sort((a, b) => a - b)).toEqual(stamps.map((_, i) => i));
    },
  );

  test("a failure is a row with its code", () => {
    expect(read(samplesReader(() => 15, clocks))).toEqual([[NaN, 15, NaN]]);
  });
});
