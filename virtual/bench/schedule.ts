// What the virtual GPU is asked to do: demanded power over time, straight lines between breakpoints,
// and the spans a host program would mark. In: pieces added in order. Out: typed arrays.
// Holds: times are session nanoseconds from 0; after the last breakpoint the last power stays.

import type { VirtualKernel } from "./gpu.ts";

/** A stretch of work as the host sees it: submitted at `submitNs`, its results there at `doneNs`. */
export interface Span {
  readonly name: string;
  readonly submitNs: number;
  readonly doneNs: number;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export interface Schedule {
  /** Power runs from `fromW[i]` to `toW[i]` between `tNs[i]` and `tNs[i + 1]`. The first piece is constant. */
  readonly tNs: Float64Array;
  readonly fromW: Float64Array;
  readonly toW: Float64Array;
  readonly endNs: number;
  readonly spans: readonly Span[];
  /** What CUPTI would record of it, by start. */
  readonly kernels: readonly VirtualKernel[];
}

export class ScheduleBuilder {
  nowNs = 0;
  readonly #t = new Column();
  readonly #from = new Column();
  readonly #to = new Column();
  readonly #spans: Span[] = [];
  readonly #kernels: VirtualKernel[] = [];

  /** Constant power for a while. */
  hold(powerW: number, ns: number): this {
    return this.ramp(powerW, powerW, ns);
  }

  ramp(fromW: number, toW: number, ns: number): this {
    if (!(ns > 0)) return this;
    this.#t.push(this.nowNs);
    this.#from.push(fromW);
    this.#to.push(toW);
    this.nowNs += ns;
    return this;
  }

  /** Everything that `body` adds becomes one kernel. Kernels follow one another. */
  kernel(name: string, body: () => void): this {
    const t0Ns = this.nowNs;
    body();
    this.#kernels.push({ name, t0Ns, t1Ns: this.nowNs });
    return this;
  }

  /** Everything that `body` adds becomes one span. */
  span(name: string, fields: Span["fields"], body: () => void): this {
    const submitNs = this.nowNs;
    body();
    this.#spans.push({ name, submitNs, doneNs: this.nowNs, fields });
    return this;
  }

  build(): Schedule {
    return {
      tNs: this.#t.values(),
      fromW: this.#from.values(),
      toW: this.#to.values(),
      endNs: this.nowNs,
      spans: this.#spans,
      kernels: this.#kernels,
    };
  }
}

/** Numbers as they come, outside the heap: in an array of its own an hour's plan would stay there. */
class Column {
  #values = new Float64Array(1024);
  #length = 0;

  push(x: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = x;
  }

  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}
