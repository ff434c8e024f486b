// rp2040js 1.4.1 shim, boot ROM and flash chip: the package has no ROM image and no flash controller.
// Here stand the ROM functions that the firmware calls (RP2040 datasheet, 2.8.3), each a breakpoint that
// acts on the flash array, and a chip that knows its unique id (command 4Bh).

import { BasePeripheral, type RP2040 } from "rp2040js";
import { clockOf } from "./internals.ts";

const TABLE_AT = 0x100;
const CODE_AT = 0x200;
const READ_UNIQUE_ID = 0x4b;
const DUMMY_BYTES = 4;
/** At worst, W25Q16JV, AC characteristics. The program stands still meanwhile, all else goes on. */
const [SECTOR_NS, PAGE_NS] = [400e6, 3e6];

export interface FlashShim {
  /** 8 bytes. */
  readonly uniqueId: Uint8Array;
  /** The firmware went to the ROM's bootloader. */
  onBootloader(): void;
}

export function shimFlash(mcu: RP2040, shim: FlashShim): void {
  const { core } = mcu;
  const chip = new FlashChip(mcu, shim.uniqueId);
  mcu.peripherals[0x18000] = chip;
  mcu.peripherals[0x40018] = new ChipSelect(mcu, chip);
  const nothing = (): void => undefined;
  const functions: readonly (readonly [string, () => void])[] = [
    ["IF", nothing], // connect_internal_flash
    ["EX", nothing], // flash_exit_xip
    ["FC", nothing], // flash_flush_cache
    ["CX", nothing], // flash_enter_cmd_xip
    ["RE", () => erase(mcu, core.registers[0]!, core.registers[1]!)],
    ["RP", () => program(mcu, core.registers[0]!, core.registers[1]!, core.registers[2]!)],
    ["UB", () => shim.onBootloader()],
  ];
  const rom = new Uint16Array(mcu.bootrom.buffer);
  rom[0x14 / 2] = TABLE_AT;
  functions.forEach(([name], i) => {
    const at = CODE_AT + 4 * i;
    rom[TABLE_AT / 2 + 2 * i] = name.charCodeAt(0) | (name.charCodeAt(1) << 8);
    rom[TABLE_AT / 2 + 2 * i + 1] = at | 1;
    rom[at / 2] = 0xbe00 | i; // bkpt i
    rom[at / 2 + 1] = 0x4770; // bx lr
  });
  mcu.onBreak = (code) => {
    const inRom = core.PC < CODE_AT + 4 * functions.length;
    if (!inRom)
      throw new Error(`the firmware stopped at a breakpoint near ${core.PC.toString(16)}`);
    functions[code]![1]();
  };
}

function erase(mcu: RP2040, at: number, n: number): void {
  if (at % 4096 !== 0 || n % 4096 !== 0) throw new Error("the flash erases sectors of 4,096 bytes");
  mcu.flash.fill(0xff, at, at + n);
  clockOf(mcu).tick((SECTOR_NS * n) / 4096);
}

/** Programming only clears bits. */
function program(mcu: RP2040, at: number, from: number, n: number): void {
  if (at % 256 !== 0 || n % 256 !== 0) throw new Error("the flash programs pages of 256 bytes");
  for (let i = 0; i < n; i++) mcu.flash[at + i]! &= mcu.sram[from - 0x20000000 + i]!;
  clockOf(mcu).tick((PAGE_NS * n) / 256);
}

/** The SSI as the ROM leaves it: a byte out, a byte in (4.10.13). The boot stage's set-up is accepted. */
class FlashChip extends BasePeripheral {
  readonly #uniqueId: Uint8Array;
  #exchanged = -1;
  #answer = 0xff;

  constructor(mcu: RP2040, uniqueId: Uint8Array) {
    super(mcu, "SSI");
    this.#uniqueId = uniqueId;
  }

  select(selected: boolean): void {
    this.#exchanged = selected ? 0 : -1;
  }

  override readUint32(offset: number): number {
    if (offset === 0x28) return 0b1110; // SR: room, empty, something received
    if (offset === 0x60) return this.#answer;
    return super.readUint32(offset);
  }

  override writeUint32(offset: number, value: number): void {
    const setUp = [0x00, 0x04, 0x08, 0x14, 0xf4].includes(offset);
    if (offset === 0x60) this.#exchange(value);
    else if (!setUp) super.writeUint32(offset, value);
  }

  #exchange(byte: number): void {
    if (this.#exchanged === 0 && byte !== READ_UNIQUE_ID)
      throw new Error(`flash command ${byte.toString(16)} is not modelled`);
    const i = this.#exchanged - 1 - DUMMY_BYTES;
    this.#answer = this.#exchanged < 0 ? 0xff : (this.#uniqueId[i] ?? 0xff);
    if (this.#exchanged >= 0) this.#exchanged++;
  }
}

/** GPIO_QSPI_SS_CTRL: its output override is the chip select (2.19.6.2). */
class ChipSelect extends BasePeripheral {
  readonly #chip: FlashChip;
  #ctrl = 0;

  constructor(mcu: RP2040, chip: FlashChip) {
    super(mcu, "IO_QSPI");
    this.#chip = chip;
  }

  override readUint32(offset: number): number {
    return offset === 0x0c ? this.#ctrl : super.readUint32(offset);
  }

  override writeUint32(offset: number, value: number): void {
    if (offset !== 0x0c) return super.writeUint32(offset, value);
    this.#ctrl = value;
    this.#chip.select(((value >> 8) & 3) === 2);
  }
}
