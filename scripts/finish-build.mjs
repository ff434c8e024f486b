// After tsc: make the command executable. (Rig files and pages are read from the package itself.)
import { chmodSync } from "node:fs";

chmodSync(new URL("../dist/cli/main.js", import.meta.url), 0o755);
