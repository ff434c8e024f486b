// Runs truejoule on a GPU host that has no Node and no network: packs this machine's node (stripped),
// dist/, the rigs, marks/cuda to be built there, and the production dependencies into one archive.
//
//   npm run build && node scripts/gpu-host-carry.mjs        → carry/truejoule-linux-x64.tar.xz
//   host$ tar xJf truejoule-linux-x64.tar.xz                  (or: python3 -m tarfile -e ARCHIVE)
//   host$ truejoule/truejoule doctor
//
// The host must be Linux on this machine's processor, with a glibc no older than node's binary asks for.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const name = `truejoule-${process.platform}-${process.arch}`;
const carry = join(root, "carry");
const stage = join(carry, "truejoule");

if (process.platform !== "linux") throw new Error("a bundle for a Linux host is made on Linux");
if (!existsSync(join(root, "dist/index.js")) && !existsSync(join(root, "dist/cli/main.js")))
  throw new Error("dist/ is missing: run npm run build first");

rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });

cpSync(process.execPath, join(stage, "node"), { dereference: true });
try {
  execFileSync("strip", [join(stage, "node")]);
} catch {
  process.stderr.write("strip is not installed: the archive will be some 5 MB larger\n");
}

const client = ["marks/c", "marks/cuda", "marks/python", "examples"];
for (const part of ["dist", "rigs", "scripts", "package.json", "LICENSE", ...client])
  if (existsSync(join(root, part)))
    cpSync(join(root, part), join(stage, part), { recursive: true });

/** Sources, typings and other processors' binaries are of no use on the host. */
const useless =
  /\.(d\.[cm]?ts|[cm]?ts|map|md|c|cc|h|hh|gyp)$|src\/.*\.inc$|node_modules\/(@[^/]+\/)?[^/]+\/(docs?|tests?|bench)$/;
const prebuilt = /\/prebuilds\/(?!linux-x64)/;
for (const dir of productionPackages().slice(1)) {
  const filter = (path) => !useless.test(path) && !prebuilt.test(path) && !/musl/.test(path);
  cpSync(dir, join(stage, relative(root, dir)), { recursive: true, filter });
}

const launcher =
  '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\nexec "$here/node" "$here/dist/cli/main.js" "$@"\n';
writeFileSync(join(stage, "truejoule"), launcher);
chmodSync(join(stage, "truejoule"), 0o755);

const archive = join(carry, `${name}.tar.xz`);
execFileSync("tar", ["-C", carry, "-cJf", archive, "truejoule"], {
  env: { ...process.env, XZ_OPT: "-T0 -3" },
});
rmSync(stage, { recursive: true });
process.stdout.write(`${archive}: ${(statSync(archive).size / 2 ** 20).toFixed(1)} MiB\n`);

/** Folders of the package and all it needs; npm also lists them when it has something to complain about. */
function productionPackages() {
  const args = ["ls", "--omit=dev", "--all", "--parseable"];
  const { stdout } = spawnSync("npm", args, { cwd: root, encoding: "utf8" });
  return stdout.trim().split("\n");
}
