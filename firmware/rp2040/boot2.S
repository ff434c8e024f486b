// Second stage of the boot (RP2040 datasheet, 2.8.1.3.1): the ROM copies 252 bytes and their CRC from the
// flash to the top of RAM and calls them. Sets plain serial reads, command 03h, which every flash chip
// knows; slow, but the program runs from RAM. firmware/image.ts writes the CRC.
  .syntax unified
  .cpu cortex-m0plus
  .thumb
  .section .boot2, "ax"
  .global _boot2
  .thumb_func
_boot2:
  ldr  r3, =0x18000000                          // SSI (4.10.13)
  movs r0, #0
  str  r0, [r3, #0x08]                          // SSIENR: off while it is set up
  movs r1, #4
  str  r1, [r3, #0x14]                          // BAUDR: clk_sys / 4
  ldr  r1, =(31 << 16) | (3 << 8)               // CTRLR0: standard SPI, 32-bit frames, EEPROM read
  str  r1, [r3, #0x00]
  str  r0, [r3, #0x04]                          // CTRLR1: one frame a read
  ldr  r1, =(0x03 << 24) | (2 << 8) | (6 << 2)  // SPI_CTRLR0: command 03h, 8 bits, then 24 of address
  ldr  r2, =0x180000f4
  str  r1, [r2]
  movs r1, #1
  str  r1, [r3, #0x08]
  ldr  r0, =0x10000100                          // the vector table behind this stage
  ldr  r1, =0xe000ed08                          // VTOR
  str  r0, [r1]
  ldmia r0!, {r1, r2}
  msr  msp, r1
  bx   r2
  .pool
