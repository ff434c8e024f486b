// A sink that keeps everything, and a recorder's loop around programs.

import { setTimeout as sleep } from "node:timers/promises";
import type { ClockExchange, Mark } from "../../schema/records.ts";
import { MarksSource, type MarkTotals } from "../../marks/marks-source.ts";
import type { MarkSink } from "../../marks/to-marks.ts";

export class Collected implements MarkSink {
  readonly marks: Mark[] = [];
  readonly exchanges: ClockExchange[] = [];
  readonly losses: { count: number; why: string }[] = [];

  onMark(mark: Mark): void {
    this.marks.push(mark);
  }
  onExchange(exchange: ClockExchange): void {
    this.exchanges.push(exchange);
  }
  onLoss(count: number, why: string): void {
    this.losses.push({ count, why });
  }
  get lost(): number {
    return this.losses.reduce((sum, l) => sum + l.count, 0);
  }
}

/** Records what `programs` mark until all have ended. */
export async function record<T>(
  sink: MarkSink,
  programs: (environment: Record<string, string>) => Promise<T>,
  capacity?: number,
): Promise<{ result: T; totals: MarkTotals }> {
  const source = new MarksSource(sink, capacity);
  let running = true;
  const ended = programs(source.environment).finally(() => (running = false));
  while (running) {
    source.poll();
    await sleep(1);
  }
  return { result: await ended, totals: source.close() };
}
