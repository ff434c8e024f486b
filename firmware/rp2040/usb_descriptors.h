// What the device says it is. Out: a descriptor by type and index.
#pragma once
#include <stdint.h>

enum { EP_NOTIFY = 1, EP_DATA = 2 };

// Its bytes and length, or 0 when there is none such.
const uint8_t *usb_descriptor(uint32_t type, uint32_t index, const char *serial, uint32_t *n);
