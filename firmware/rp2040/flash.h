// The flash chip through the boot ROM (RP2040 datasheet, 2.8.3, 4.10): its unique id, and one
// sector that keeps the calibration. Interrupts are off meanwhile and nothing may run from flash.
#pragma once
#include <stdint.h>

// 64 bits that no other chip has (command 4Bh), as 16 hexadecimal digits. 0 when no chip answers.
int flash_unique_id(char text[17]);

// The calibration as stored; *n is 0 when there is none or its checksum is wrong.
const uint8_t *flash_calibration(uint32_t *n);
// Replaces it. Up to 0.5 s, beyond 4,084 bytes 0.9 s. Returns 0 when it did not read back right.
int flash_store_calibration(const uint8_t *text, uint32_t n);

// Leaves for the ROM's bootloader, a USB disk that takes a UF2 file.
void rom_bootloader(void);
