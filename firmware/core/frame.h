// The frame (docs/wire.md): header, payload, CRC. Out: whole frames around a payload that already
// stands at byte 12. In: bytes cut anywhere and with anything between → whole, right frames and a
// count of the rest. Pure; holds at most one unfinished frame. Same rules as
// schema/wire/frame-splitter.ts.
#pragma once
#include <stdint.h>

enum { TJ_HEAD = 12, TJ_OVERHEAD = 16, TJ_MAX_PAYLOAD = 16384, TJ_MAX_FRAME = 16400 };

// Writes header and CRC. `payload` is its length in bytes, a multiple of 4. Returns the frame's
// length.
uint32_t tj_seal(uint8_t *frame, uint32_t type, uint32_t flags, uint32_t sequence,
                 uint32_t payload);

typedef struct {
  uint32_t frames;
  uint32_t bad;            // right sync and version, but an impossible length or a wrong CRC
  uint32_t other_version;  // the first three sync bytes before another version
  uint32_t skipped;        // bytes that were part of no whole, right frame
} tj_split_counts;

typedef struct {
  tj_split_counts counts;
  uint32_t start, end;
  uint8_t bytes[2 * TJ_MAX_FRAME];  // twice, so that moving the rest to the front stays rare
} tj_splitter;

// A whole frame, valid during the call only.
typedef void (*tj_on_frame)(void *context, const uint8_t *frame, uint32_t size);

void tj_split(tj_splitter *s, const uint8_t *bytes, uint32_t n, tj_on_frame on_frame,
              void *context);

// The same in two steps, for a loop with other things to do: bytes are taken, fewer than a whole frame
// since the last scan was through; then they are looked at until about `limit` bytes were checked or
// passed over, 16 kB more at worst. Returns 1 when all is looked at.
void tj_split_put(tj_splitter *s, const uint8_t *bytes, uint32_t n);
int tj_split_scan(tj_splitter *s, uint32_t limit, tj_on_frame on_frame, void *context);

// Forgets an unfinished frame: the port was closed, or lost bytes.
void tj_split_reset(tj_splitter *s);
