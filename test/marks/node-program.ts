// A program that marks through the Node client; run by node-client.test.ts.

import { runInNewContext } from "node:vm";
import { begin, end, mark, recording, span } from "../../marks/node-client.ts";

const count = Number(process.argv[2] ?? 0);
console.log(recording());
mark("start", { batch_size: 8, load: 0.5, hop: true, request: "r-17" });
const a = begin("decode");
const b = begin("decode", { n: 2 });
end("decode", a);
end("decode", b, { tokens: 3 });
console.log(span("sync", {}, () => 7));
console.log(await span("async", { k: 1 }, async () => 8));
try {
  span("failing", {}, () => {
    throw new RangeError("no");
  });
} catch (error) {
  console.log((error as Error).name);
}
await span("rejecting", {}, () => Promise.reject(new TypeError("no"))).catch((error: Error) =>
  console.log(error.name),
);
const elsewhere = runInNewContext("(async () => 9)()") as Promise<number>;
const other = span("other realm", {}, () => elsewhere.then((x) => (mark("inside"), x)));
console.log(await other);
for (const span of [undefined, null, 5, "x", {}]) end("none", span as bigint);
for (let i = 0; i < count; i++) mark("m", { i });
