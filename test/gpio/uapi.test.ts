// Every number of uapi.ts against the kernel header of the machine the test runs on.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import * as uapi from "../../gpio/uapi.ts";

const NAMED = Object.entries(uapi).filter(
  ([name, value]) => /^(GPIO|TIOC)/.test(name) && typeof value === "number",
);
const SIZES = {
  CHIPINFO_BYTES: "struct gpiochip_info",
  LINEINFO_BYTES: "struct gpio_v2_line_info",
  REQUEST_BYTES: "struct gpio_v2_line_request",
  VALUES_BYTES: "struct gpio_v2_line_values",
  EVENT_BYTES: "struct gpio_v2_line_event",
} as const;
const line = (format: string, value: string) =>
  `printf("${format}\\n", (unsigned long)(${value}));`;

/** A filled request and event in C, printed as hex: the layout that the TypeScript bytes must have. */
const FILLED = `
  struct gpio_v2_line_request r; memset(&r, 0, sizeof r);
  r.offsets[0] = 17; r.offsets[1] = 18; strcpy(r.consumer, "truejoule"); r.num_lines = 2; r.event_buffer_size = 4096;
  r.config.flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING; r.config.num_attrs = 1;
  r.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_FLAGS; r.config.attrs[0].attr.flags = 4; r.config.attrs[0].mask = 2;
  hex(&r, sizeof r);
  struct gpio_v2_line_values v = {.bits = 1, .mask = 1}; hex(&v, sizeof v);
  struct gpio_v2_line_event e; memset(&e, 0, sizeof e);
  e.timestamp_ns = 123456789012345ull; e.id = 2; e.offset = 17; e.seqno = 5; e.line_seqno = 4; hex(&e, sizeof e);
  struct gpio_v2_line_info l; memset(&l, 0, sizeof l);
  strcpy(l.name, "GPIO17"); strcpy(l.consumer, "led"); l.offset = 17; l.flags = GPIO_V2_LINE_FLAG_USED; hex(&l, sizeof l);
  struct gpiochip_info c; memset(&c, 0, sizeof c);
  strcpy(c.name, "gpiochip0"); strcpy(c.label, "pinctrl-bcm2711"); c.lines = 58; hex(&c, sizeof c);
`;

function askHeader(): string[] | undefined {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-uapi-"));
  const source = `#include <stdio.h>\n#include <string.h>\n#include <sys/ioctl.h>\n#include <linux/gpio.h>
static void hex(const void *p, size_t n) { const unsigned char *b = p; while (n--) printf("%02x", *b++); puts(""); }
int main(void) { ${NAMED.map(([n]) => line("%lu", n)).join(" ")}
${Object.values(SIZES)
  .map((s) => line("%lu", `sizeof(${s})`))
  .join(" ")} ${FILLED} return 0; }`;
  writeFileSync(join(dir, "uapi.c"), source);
  const gcc = spawnSync("gcc", [join(dir, "uapi.c"), "-o", join(dir, "uapi")]);
  const out =
    gcc.status === 0 ? spawnSync(join(dir, "uapi"), { encoding: "utf8" }).stdout : undefined;
  rmSync(dir, { recursive: true });
  return out?.trim().split("\n");
}

const answers = process.platform === "linux" ? askHeader() : undefined;
const check = answers ? test : test.skip;

check(
  `numbers and layouts are the kernel header's${answers ? "" : " (skipped: no gcc or linux/gpio.h)"}`,
  () => {
    const expected = [
      ...NAMED.map(([, v]) => v),
      ...Object.keys(SIZES).map((n) => uapi[n as keyof typeof SIZES]),
    ];
    expect(answers!.slice(0, expected.length).map(Number)).toEqual(expected);
    const [request, values, event, info, chip] = answers!
      .slice(expected.length)
      .map((h) => Buffer.from(h, "hex"));
    const flags = uapi.GPIO_V2_LINE_FLAG_INPUT | uapi.GPIO_V2_LINE_FLAG_EDGE_RISING;
    const quiet = { id: uapi.GPIO_V2_LINE_ATTR_ID_FLAGS, value: 4n, mask: 2n };
    expect(uapi.lineRequest([17, 18], flags, [quiet], 4096).equals(request!)).toBe(true);
    expect(uapi.lineValue(1).equals(values!)).toBe(true);
    expect(uapi.lineEvent(event!, 0)).toEqual({
      timestampNs: 123456789012345n,
      id: 2,
      offset: 17,
      seqno: 5,
      lineSeqno: 4,
    });
    expect(uapi.lineInfo(info!)).toEqual({ name: "GPIO17", consumer: "led", offset: 17, flags: 1 });
    expect(uapi.chipInfo(chip!)).toEqual({
      name: "gpiochip0",
      label: "pinctrl-bcm2711",
      lines: 58,
    });
  },
);
