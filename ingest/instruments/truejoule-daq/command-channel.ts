// Commands to a DAQ and the replies to them, matched by sequence, repeated when no answer comes: every
// command may be repeated safely (docs/wire.md, Commands).

import {
  CommandType,
  encodeCommand,
  IDENTIFY_SEQUENCE,
} from "../../../schema/wire/frame-commands.ts";
import { type Reply, resultText } from "../../../schema/wire/frame-replies.ts";
import { FinalSourceError, SourceError } from "../../../schema/errors.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import { type BytePort, type Stamp, WHO_ANSWERS } from "../../ports/port.ts";

/** A reply that owns its body, with the host's clock around the exchange. */
export interface Answer {
  readonly reply: Reply;
  /** Before the command was written. */
  readonly sent: Instant<"host">;
  /** After the read that brought the reply; null where the port has no time. */
  readonly received: Stamp;
}

/** Before a command is repeated. */
const REPEAT_MS = 200;
/** A machine under load, or a device that still boots, takes seconds to answer. */
const PATIENCE_MS = 5000;

export class CommandChannel {
  readonly #port: BytePort;
  readonly #onSilence: () => void;
  readonly #waiting = new Map<number, (reply: Reply, received: Stamp) => void>();
  #tries: number;
  #sequence = IDENTIFY_SEQUENCE;

  /**
   * @param onSilence a command goes unanswered and is repeated: the reply may wait behind the false length of a frame.
   * @param patienceMs until a command counts as unanswered.
   */
  constructor(port: BytePort, onSilence: () => void, patienceMs = PATIENCE_MS) {
    this.#port = port;
    this.#onSilence = onSilence;
    this.#tries = Math.ceil(patienceMs / REPEAT_MS);
  }

  /** The decoder's replies go here. @returns false for those that nobody waits for: late and dropped. */
  onReply(reply: Reply, received: Stamp): boolean {
    const waiting = this.#waiting.get(reply.request);
    waiting?.(reply, received);
    return waiting !== undefined;
  }

  /** Nobody waits any longer: what is asked, and was, goes unanswered instead of being repeated. */
  giveUp(): void {
    this.#tries = 0;
  }

  identify(): Promise<Answer> {
    const make = (): Uint8Array => encodeCommand(CommandType.identify, IDENTIFY_SEQUENCE);
    return this.#ask("identify", make, `; ${WHO_ANSWERS}`);
  }

  /** @param name for messages. @param repeatMs until it is asked again. @throws SourceError when nothing answers or the device refuses. */
  request(
    type: number,
    name: string,
    make = (sequence: number): Uint8Array => encodeCommand(type, sequence),
    repeatMs = REPEAT_MS,
  ): Promise<Answer> {
    return this.#ask(name, () => make(++this.#sequence), "", repeatMs);
  }

  async #ask(
    name: string,
    make: () => Uint8Array,
    remedy: string,
    repeatMs = REPEAT_MS,
  ): Promise<Answer> {
    for (let tries = 0; tries < this.#tries; tries++) {
      const answer = await this.#once(make(), repeatMs);
      if (answer?.reply.result === 0) return answer;
      if (answer)
        throw new FinalSourceError(
          `${this.#port.name}: ${name}: ${resultText(answer.reply.result)}`,
        );
      this.#onSilence();
    }
    throw new SourceError(`${this.#port.name}: no answer to ${name}${remedy}`);
  }

  /** @returns undefined when it is time to repeat. */
  #once(frame: Uint8Array, repeatMs: number): Promise<Answer | undefined> {
    const sequence = new DataView(frame.buffer).getUint32(8, true);
    return new Promise((resolve) => {
      const done = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(sequence);
        resolve(answer);
      };
      const timer = setTimeout(() => done(undefined), repeatMs);
      const sent = instant<"host">(process.hrtime.bigint());
      this.#waiting.set(sequence, (reply, received) => {
        done({ reply: owned(reply), sent, received });
      });
      this.#port.write(frame);
    });
  }
}

function owned(reply: Reply): Reply {
  const { buffer, byteOffset, byteLength } = reply.body;
  return { ...reply, body: new DataView(buffer.slice(byteOffset, byteOffset + byteLength)) };
}
