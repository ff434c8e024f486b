// A duration that a user gave → a timer. Node's take 2^31 − 1 ms (24.8 days) at most and fire at once beyond:
// this one is set again until its time has come. The time is that of the monotonic clock.

/** What Node's timers can hold, ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** Calls back in `ms` milliseconds, however many. @returns cancels it. */
export function after(ms: number, callback: () => void): () => void {
  const due = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const left = due - performance.now();
    if (left <= 0) return callback();
    timer = setTimeout(wait, Math.min(Math.ceil(left), LONGEST_MS));
  };
  timer = setTimeout(wait, Math.min(Math.max(0, Math.ceil(ms)), LONGEST_MS));
  return () => clearTimeout(timer);
}
