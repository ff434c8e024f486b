// A recorder that makes its folder, prints where it is, and is there to be killed.

import { MarksSource } from "../../../marks/marks-source.ts";

const source = new MarksSource({ onMark() {}, onExchange() {}, onLoss() {} });
process.stdout.write(`${source.folder}\n`);
setInterval(() => source.poll(), 10);
