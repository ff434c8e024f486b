// RIFF/WAVE and RF64 headers → where the samples lie and what they are. Formats: linear PCM of 8 to 32
// bits, IEEE float of 32 and 64 (Microsoft, "Multiple channel audio data and WAVE files"; RF64: EBU
// Tech 3306).

import { inputError } from "../../../schema/errors.ts";
import type { FileBytes } from "../shared/file-bytes.ts";

export interface WavHeader {
  readonly kind: "uint" | "int" | "float";
  readonly bits: number;
  readonly channels: number;
  readonly rateHz: number;
  /** Bytes of one sample of all channels. */
  readonly rowBytes: number;
  readonly dataOffset: number;
  /** As the header states it; the file may end before. Infinity where a recorder left it open. */
  readonly dataBytes: number;
  /** Of the whole file, as the header states it; Infinity where it does not. */
  readonly fileBytes: number;
}

type Format = Omit<WavHeader, "dataOffset" | "dataBytes" | "fileBytes">;

const PCM = 1;
const IEEE_FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const OPEN_ENDED = 0xffffffff;

/** @throws InputError when it is no WAV file, or of a compressed kind. */
export function readWavHeader(file: FileBytes): WavHeader {
  const riff = file.at(0, 12);
  const magic = riff.toString("latin1", 0, 4);
  if (
    riff.length < 12 ||
    !["RIFF", "RF64"].includes(magic) ||
    riff.toString("latin1", 8, 12) !== "WAVE"
  )
    throw inputError(
      "not a WAV file",
      `${file.path} at offset 0`,
      "RIFF or RF64 … WAVE",
      JSON.stringify(magic),
    );
  const riffBytes = riff.readUInt32LE(4);
  const fileBytes = riffBytes === OPEN_ENDED || riffBytes === 0 ? Infinity : riffBytes + 8;
  let format: Format | undefined;
  let longData: number | undefined;
  for (let at = 12; at + 8 <= file.size;) {
    const head = file.at(at, 8);
    const id = head.toString("latin1", 0, 4);
    const size = head.readUInt32LE(4);
    if (id === "fmt ") format = readFormat(file, at + 8, size);
    if (id === "ds64" && size >= 16) longData = Number(file.at(at + 8, 16).readBigUInt64LE(8));
    if (id === "data") {
      if (!format)
        throw inputError("data before the format", `${file.path} at offset ${at}`, "a fmt chunk");
      const open = size === OPEN_ENDED || size === 0;
      const dataBytes = open ? (longData ?? Infinity) : size;
      return { ...format, dataOffset: at + 8, dataBytes, fileBytes };
    }
    at += 8 + size + (size & 1);
  }
  throw inputError("no samples in it", file.path, "a data chunk");
}

function readFormat(file: FileBytes, at: number, size: number): Format {
  const where = `${file.path} at offset ${at}`;
  const b = file.at(at, Math.min(size, 40));
  if (b.length < 16) throw inputError("format chunk too short", where, "16 bytes", `${b.length}`);
  const tag =
    b.readUInt16LE(0) === EXTENSIBLE && b.length >= 26 ? b.readUInt16LE(24) : b.readUInt16LE(0);
  const channels = b.readUInt16LE(2);
  const rateHz = b.readUInt32LE(4);
  const bytesPerS = b.readUInt32LE(8);
  const rowBytes = b.readUInt16LE(12);
  const bits = b.readUInt16LE(14);
  const fits =
    tag === PCM ? [8, 16, 24, 32].includes(bits) : tag === IEEE_FLOAT && [32, 64].includes(bits);
  if (!fits)
    throw inputError(
      "format not supported",
      where,
      "PCM of 8, 16, 24, 32 bits or float of 32, 64",
      `tag ${tag}, ${bits} bits`,
    );
  if (channels === 0 || rateHz === 0 || rowBytes !== (channels * bits) / 8)
    throw inputError(
      "contradicting format",
      where,
      "channels · bits / 8 = block size",
      `${channels} · ${bits} / 8, ${rowBytes}`,
    );
  if (bytesPerS !== 0 && bytesPerS !== rateHz * rowBytes)
    throw inputError(
      "contradicting format",
      where,
      "rate · block size = bytes per second",
      `${rateHz} · ${rowBytes}, ${bytesPerS}`,
    );
  const kind = tag === IEEE_FLOAT ? "float" : bits === 8 ? "uint" : "int";
  return { kind, bits, channels, rateHz, rowBytes };
}
