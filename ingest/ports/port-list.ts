// Ports that could have a DAQ behind them, with what USB says of them (which proves nothing).

import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

export interface PortInfo {
  readonly path: string;
  /** Hex, such as "2e8a"; absent for ports that are not USB. */
  readonly vendorId?: string;
  readonly productId?: string;
  readonly product?: string;
  readonly serialNumber?: string;
}

/** @param sys root of sysfs, for tests. */
export async function listPorts(sys = "/sys"): Promise<PortInfo[]> {
  return process.platform === "linux" ? listSysfs(sys) : listPortable();
}

/**
 * USB terminals of Linux, read from sysfs: serialport's list needs udevadm, which containers lack.
 * Built-in UARTs are left out, since ports exist there with nothing behind them.
 */
function listSysfs(sys: string): PortInfo[] {
  const root = join(sys, "class/tty");
  const names = entries(root).filter((name) => /^tty(ACM|USB)\d+$/.test(name));
  return names
    .sort(byNumber)
    .map((name) => ({ path: `/dev/${name}`, ...usbOf(join(root, name, "device")) }));
}

const byNumber = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/**
 * The name by which udev knows the device behind a port, else the socket that it sits in: unlike `/dev/ttyACM0` it is
 * the same when the device comes back. The port itself where udev has named none.
 * @param links udev's, for tests.
 */
export function lastingPath(path: string, links = "/dev/serial"): string {
  const is = (name: string): boolean => {
    try {
      return realpathSync(name) === realpathSync(path);
    } catch {
      return false;
    }
  };
  const names = ["by-id", "by-path"].flatMap((kind) =>
    entries(join(links, kind)).map((name) => join(links, kind, name)),
  );
  return names.find(is) ?? path;
}

/** The USB device is the first folder upwards that has an idVendor. */
function usbOf(link: string): Omit<PortInfo, "path"> {
  let dir: string;
  try {
    dir = realpathSync(link);
  } catch {
    return {};
  }
  for (let up = 0; up < 5; up++, dir = dirname(dir)) {
    const vendorId = attribute(dir, "idVendor");
    if (vendorId === undefined) continue;
    const [productId, product, serialNumber] = ["idProduct", "product", "serial"].map((a) =>
      attribute(dir, a),
    );
    return {
      vendorId,
      ...(productId ? { productId } : {}),
      ...(product ? { product } : {}),
      ...(serialNumber ? { serialNumber } : {}),
    };
  }
  return {};
}

function attribute(dir: string, name: string): string | undefined {
  try {
    return readFileSync(join(dir, name), "utf8").trim();
  } catch {
    return undefined;
  }
}

async function listPortable(): Promise<PortInfo[]> {
  const { SerialPort } = await import("serialport");
  return (await SerialPort.list()).map(({ path, vendorId, productId, serialNumber }) => ({
    path,
    ...(vendorId ? { vendorId } : {}),
    ...(productId ? { productId } : {}),
    ...(serialNumber ? { serialNumber } : {}),
  }));
}
