// A machine for the ping kernel's PTX (marks/cuda/ping_ptx.h): as many instructions as it uses, one thread. In: its
// text, and who answers for the host's memory. Out: what it stored. It counts, so that a kernel's end can be asserted.

export interface Memory {
  read(at: number): number;
  write(at: number, value: number): void;
}

/** @param steps at most so many instructions. @returns how many it took; throws where the text is not understood. */
export function runPtx(
  text: string,
  params: Readonly<Record<string, number>>,
  memory: Memory,
  steps: number,
): number {
  const lines = text
    .slice(text.indexOf("{") + 1, text.lastIndexOf("}"))
    .split("\n")
    .map((l) => l.trim().replace(/;$/, ""))
    .filter((l) => l !== "" && !l.startsWith(".reg"));
  const labels = new Map(lines.flatMap((l, i) => (l.endsWith(":") ? [[l.slice(0, -1), i]] : [])));
  const registers = new Map<string, number>();
  let clock = 1;
  const value = (operand: string): number => {
    if (operand === "%globaltimer") return clock++;
    if (!operand.startsWith("%")) return Number(operand);
    return registers.get(operand)!;
  };
  const address = (operand: string): number => {
    const [base, offset = "0"] = operand.replace(/[[\]]/g, "").split("+");
    return value(base!) + Number(offset);
  };
  let taken = 0;
  for (let at = 0; at < lines.length && taken < steps; at++) {
    if (lines[at]!.endsWith(":")) continue;
    taken++;
    const words = lines[at]!.split(/[ ,]+/);
    if (words[0]!.startsWith("@") && !registers.get(words.shift()!.slice(1))) continue;
    const [operation, a, b, c] = words as [string, string, string, string];
    const [kind, test] = operation.split(".") as [string, string];
    if (kind === "ret") return taken;
    if (kind === "bra") at = labels.get(a)!;
    else if (kind === "mov") registers.set(a, value(b));
    else if (operation.startsWith("ld.param")) registers.set(a, params[b.replace(/[[\]]/g, "")]!);
    else if (kind === "ld") registers.set(a, memory.read(address(b)));
    else if (kind === "st") memory.write(address(a), value(b));
    else if (kind === "add") registers.set(a, value(b) + value(c));
    else if (kind === "mul") registers.set(a, value(b) * value(c));
    else if (kind === "setp") {
      const [x, y] = [value(b), value(c)];
      registers.set(a, Number(test === "gt" ? x > y : test === "ge" ? x >= y : x < y));
    } else throw new Error(`not understood: ${lines[at]}`);
  }
  return taken;
}
