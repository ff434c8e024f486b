// CRC-32 (IEEE 802.3, reflected, as in zlib): bytes in, checksum out. Pure.
#pragma once
#include <stdint.h>

uint32_t tj_crc32(const uint8_t *bytes, uint32_t n);
