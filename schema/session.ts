// The session header: which clock the stamps are on, where zero lies, what wrote the file.

import { InputError } from "./errors.ts";
import { misfitText } from "./documents/document.ts";
import { SESSION, type SessionDocument } from "./documents/session.ts";
import type { Source } from "./records.ts";
import { type Instant, elapsedNs, type SessionNs } from "./time.ts";

export interface Session {
  readonly id: string;
  readonly source: Source;
  /** `monotonic` live, `unix` where a file carries UTC, `trace` where it knows only seconds since its start. */
  readonly hostClock: "monotonic" | "unix" | "trace";
  /** Host clock at session start: session time is host time minus this. */
  readonly hostEpoch: Instant<"host">;
  /** UTC at session start; null where the source has no wall clock. */
  readonly startUnix: Instant<"unix"> | null;
  /** Zone assumed for naive local times, where one had to be. */
  readonly assumedZone?: string;
  readonly software: string;
  /** The user's `--label k=v`, and what an importer learned (format, device, published figures). */
  readonly labels: Readonly<Record<string, string>>;
}

/** Host instant → session nanoseconds. */
export function toSession(session: Session, t: Instant<"host">): SessionNs {
  return elapsedNs(t, session.hostEpoch);
}

const VERSION: SessionDocument["schema"] = "session/1";

export function sessionToJson(s: Session): string {
  const document: SessionDocument = {
    schema: VERSION,
    id: s.id,
    source: s.source,
    host_clock: s.hostClock,
    host_epoch_ns: s.hostEpoch.toString(),
    start_unix_ns: s.startUnix?.toString() ?? null,
    assumed_zone: s.assumedZone ?? null,
    software: s.software,
    labels: s.labels,
  };
  return JSON.stringify(document);
}

/**
 * Inverse of {@link sessionToJson}.
 * @throws InputError when the text is a document of another version, or lacks what every reader relies on.
 */
export function sessionFromJson(json: string): Session {
  const found = JSON.parse(json) as {
    readonly schema?: unknown;
    readonly software?: unknown;
  } | null;
  if (typeof found !== "object" || found === null)
    throw new InputError("session header is no object");
  const { schema, software } = found;
  if (schema !== VERSION)
    throw new InputError(
      `session header is ${JSON.stringify(schema)?.slice(0, 60)}, this build reads ${VERSION}: read it with the truejoule that wrote it${typeof software === "string" ? ` (${software})` : ""}`,
    );
  const wrong = misfitText(found, SESSION);
  if (wrong !== null) throw new InputError(`session header: ${wrong}`);
  const j = found as SessionDocument;
  return {
    id: j.id,
    source: j.source,
    hostClock: j.host_clock,
    hostEpoch: BigInt(j.host_epoch_ns) as Instant<"host">,
    startUnix: j.start_unix_ns === null ? null : (BigInt(j.start_unix_ns) as Instant<"unix">),
    ...(j.assumed_zone === null ? {} : { assumedZone: j.assumed_zone }),
    software: j.software,
    labels: j.labels,
  };
}
