// The evidence page of a board's bring-up: what was done, what was seen, what must be seen, what it means when
// it is not. In: steps with their findings. Out: Markdown. An emulated board is never called measured.

export type Verdict = "pass" | "FAIL" | "not done";

export interface Finding {
  readonly step: string;
  readonly verdict: Verdict;
  readonly seen: string;
  readonly must: string;
  /** What a failure means, and where to look. */
  readonly means: string;
}

export interface Board {
  readonly platform: string;
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
}

const BRINGUP = "npm run firmware:bringup -- /dev/ttyACM0";
const RECORD = "npx truejoule record --rig example-pico --port /dev/ttyACM0";

/** What only hands, eyes and instruments can do: to be filled in on the page. */
const BY_HAND: readonly (readonly [step: string, must: string, means: string])[] = [
  [
    "Start, 20 times: plug in; once `npx truejoule devices --port /dev/ttyACM0 --bootloader`, and back by copying the UF2",
    "the port appears within 2 s every time",
    "never: boot stage or crystal (scope XOUT: 12 MHz). Every 15 s again: the crystal does not start, the watchdog tries again",
  ],
  [
    `Pull the plug three times while \`${RECORD} --duration 3m --out runs/plug\` goes on`,
    "the recorder goes on and says what was lost; `npx truejoule verify runs/plug` tells the same",
    "it does not come back: usb_start after a bus reset; dmesg says which request failed",
  ],
  [
    `An hour through a full-speed hub, and one through a high-speed hub, with other devices busy: \`${BRINGUP} --seconds 3600 --out hub.md\``,
    "4 × 100 kS/s: no frame lost; a hang ends by itself within 3 s (gone and back; 4 × 125 kS/s is at a hub's limit and may FAIL)",
    "lost frames: NAK cost, see docs/wire.md, Budget. Gone for good: erratum RP2040-E15, and the way out does not work",
  ],
  [
    "Chips before B2 (marking RP2-B0, B1): enumeration beside busy devices on the hub, then the trigger step again",
    "it enumerates, and the trigger's edges come",
    "no enumeration: erratum RP2040-E5; no edges: GPIO 15 was not given back",
  ],
  [
    `Generator 1 kHz, 50 % on GPIO 15 and on the analyser; GPIO 6 (alert) on the analyser too: \`${BRINGUP} --trigger-hz 1000 --stamps --out stamps.md\` writes stamps-edges.csv and stamps-readings.csv`,
    "edge ticks against the analyser: one constant offset below 1 µs, scatter ± 0.5 µs; falls of the alert against end ticks of status 0: within 64 µs",
    "scatter in steps of a block: DMA latches; late alerts: interrupts off for too long",
  ],
  [
    `Generator 30 kHz (60,000 edges a second) on GPIO 15: \`${BRINGUP} --trigger-hz 30000 --out edges.md\``,
    "no row lost, 0 edges wrong; lost edges counted, so that its own step says FAIL",
    "any wrong: the trigger's copy is lapped (trigger.c)",
  ],
  [
    `Ramp of some 10 s, 0 to 3.3 V, on each input that is brought out: \`${BRINGUP} --seconds 600 --out ramp.md\` counts each code in ramp-codes.csv`,
    "wide codes at 512, 1536, 2560, 3584 only (RP2040-E11)",
    "others: supply or reference noise; the wrong input moving: round robin slipped",
  ],
  [
    `Sleep the host for a minute (\`systemctl suspend\`) while \`${RECORD} --duration 10m --out runs/sleep\` goes on; the board goes on drawing its current`,
    "after waking the record goes on, or the device is found again",
    "gone: suspend is taken for a hang, or a hang for suspend",
  ],
];

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

/** @param when ISO date. */
export function evidencePage(board: Board, findings: readonly Finding[], when: string): string {
  const silicon = board.platform === "silicon";
  const title = silicon
    ? `# Bring-up of ${board.model} ${board.serial}`
    : `# Emulated bring-up of ${board.model}: a rehearsal, nothing here was measured`;
  const how = silicon ? "measured on silicon" : `${board.platform}, not measured`;
  return [
    title,
    "",
    `${when}, firmware ${board.firmware}, ${how}.`,
    "",
    "| step | verdict | seen | must be seen | a failure means |",
    "| --- | --- | --- | --- | --- |",
    ...findings.map((f) => row([f.step, f.verdict, f.seen, f.must, f.means])),
    "",
    "## By hand",
    silicon ? "Fill in what you saw." : "Only on a board.",
    "",
    "| step | seen | must be seen | a failure means |",
    "| --- | --- | --- | --- |",
    ...BY_HAND.map(([step, must, means]) => row([step, "", must, means])),
    "",
  ].join("\n");
}

/** 0: all passed; 1: one failed; 3: some were not done. */
export function exitCode(findings: readonly Finding[]): 0 | 1 | 3 {
  if (findings.some((f) => f.verdict === "FAIL")) return 1;
  return findings.every((f) => f.verdict === "pass") ? 0 : 3;
}
