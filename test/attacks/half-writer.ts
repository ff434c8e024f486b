// A process that has a file of ours half written, says so, and stays.

import { OwnFile } from "../../capture/own-file.ts";

new OwnFile(process.argv[2]!).write(Buffer.from("half"));
process.stdout.write("half\n");
setInterval(() => undefined, 1000);
