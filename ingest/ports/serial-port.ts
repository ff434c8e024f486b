// A serial port through the serialport library: the portable way, and good for control. Bytes are
// stamped when the event loop gets to them, so the bracket is as wide as the loop was busy. Tested on
// ptys of Linux; not tested on hardware, nor on macOS and Windows.

import { SourceError } from "../../schema/errors.ts";
import { type Instant, instant } from "../../schema/time.ts";
import type { OpenPort } from "./port.ts";
import { ttyPort } from "./tty-port.ts";

const now = (): Instant<"host"> => instant<"host">(process.hrtime.bigint());

/** The best way to this path on this machine. */
export function openDevice(
  path: string,
  options: { baud?: number; fifoPriority?: number } = {},
): OpenPort {
  if (process.platform === "linux") return ttyPort(path, options);
  return serialPort(path, options.baud);
}

/** @throws SourceError on opening; the library locks the port for this process. */
export function serialPort(path: string, baud = 921_600): OpenPort {
  return async (sink) => {
    const { SerialPort } = await import("serialport");
    const port = new SerialPort({
      path,
      baudRate: baud,
      autoOpen: false,
      lock: true,
      highWaterMark: 1 << 16,
    });
    await new Promise<void>((opened, failed) => {
      port.open((error) => (error ? failed(openError(path, error)) : opened()));
    });
    let before = now();
    port.on("data", (chunk: Uint8Array) => {
      const after = now();
      sink.bytes(chunk, before, after);
      before = after;
    });
    let closing = false;
    let broken: Error | undefined;
    port.on("error", (error) => (broken = error));
    const closed = new Promise<void>((done) => {
      port.on("close", (error: Error | null) => {
        const cause = error ?? broken;
        const why = `${path}: ${cause?.message ?? "the device is gone"}`;
        sink.closed(closing ? null : new SourceError(why, cause));
        done();
      });
    });
    return {
      name: path,
      timing: "event loop",
      write(bytes) {
        if (!port.isOpen) throw new SourceError(`${path}: the device is gone`);
        port.write(bytes);
      },
      async close() {
        closing = true;
        if (port.isOpen) port.close();
        await closed;
      },
    };
  };
}

function openError(path: string, error: Error): SourceError {
  const text = error.message;
  if (/No such file|not found|cannot find/i.test(text))
    return new SourceError(`${path}: no such device; is it plugged in?`, error);
  if (/lock|busy|access denied/i.test(text))
    return new SourceError(`${path} is in use by another program`, error);
  if (/permission/i.test(text))
    return new SourceError(`${path}: no permission (on Linux often: group dialout)`, error);
  return new SourceError(`${path}: ${text}`, error);
}
