// After tsc: make the command executable, bundle the pages and say how large they are. (Rig files are read from the
// package itself.)
import { chmodSync } from "node:fs";
import bundlePages from "./bundle-pages.mjs";

chmodSync(new URL("../dist/cli/main.js", import.meta.url), 0o755);
for (const [name, bytes] of Object.entries(await bundlePages()))
  process.stdout.write(`${name}: ${(bytes / 1000).toFixed(1)} kB\n`);
