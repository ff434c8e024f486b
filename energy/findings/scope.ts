// Claims that are not set against the rails, since these do not feed what they measure.

import { type Finding, finding } from "../../schema/findings.ts";
import type { Scope } from "../claims/scope.ts";

export function outOfScope({ together, unassigned, elsewhere }: Scope): Finding[] {
  const about = (
    code: "rails-unassigned" | "claims-elsewhere",
    of: readonly string[],
    why: string,
  ) => (of.length > 0 ? [finding(code, of.join(", "), `${of.join(", ")}: ${why}`, of.length)] : []);
  return [
    ...about(
      "rails-unassigned",
      unassigned,
      together.length > 0
        ? `the rails feed ${together.join(", ")} together, and not each of them has a claim of this kind: not set against the rails; record this channel of all of them`
        : "claims of several GPUs, and no rail says which one it feeds: none is set against the rails; state feeds in the rig",
    ),
    ...about(
      "claims-elsewhere",
      elsewhere,
      "not what the rails feed: listed, and not set against them",
    ),
  ];
}
