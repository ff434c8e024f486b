// Commands and their replies (docs/wire.md). In: a command's payload. Out: result and body, and
// what the device is to do. The body is written straight into the device's scratch frame.
#pragma once
#include "device.h"

enum {
  TJ_IDENTIFY = 0x40,
  TJ_CAPABILITIES = 0x41,
  TJ_READ_CALIBRATION = 0x42,
  TJ_WRITE_CALIBRATION = 0x43,
  TJ_START = 0x44,
  TJ_STOP = 0x45,
  TJ_CONFIGURE = 0x46,
  TJ_PING = 0x47,
  TJ_MARK = 0x48,
  TJ_BOOTLOADER = 0x49,
};
enum { TJ_BODY_AT = 24 };  // where a reply's body begins in its frame

typedef enum {
  TJ_DONE = 0,
  TJ_UNKNOWN_COMMAND = 1,
  TJ_BAD_ARGUMENT = 2,
  TJ_REFUSED = 3,
  TJ_STORAGE_FAILED = 4,
} tj_result;

typedef enum { TJ_THEN_NOTHING, TJ_THEN_START, TJ_THEN_STOP, TJ_THEN_LEAVE } tj_then;

typedef struct {
  tj_result result;
  uint32_t body;      // bytes, a multiple of 4
  uint8_t malformed;  // unknown, or too short to be read: counted as refused
  tj_then then;
} tj_answer;

tj_answer tj_answer_command(tj_device *d, uint32_t type, const uint8_t *payload, uint32_t n);

// Head and CRC around the body of `a`. Returns the reply's length.
uint32_t tj_reply_frame(tj_device *d, const uint8_t *command, tj_answer a);

// Bodies, written to `p`; each returns its length.
uint32_t tj_put_identity(uint8_t *p, const tj_identity *i);
uint32_t tj_put_capabilities(uint8_t *p, const tj_capabilities *c);
uint32_t tj_put_page(uint8_t *p, const uint8_t *whole, uint32_t total, uint32_t offset);
uint32_t tj_put_two(uint8_t *p, uint64_t a, uint64_t b);
