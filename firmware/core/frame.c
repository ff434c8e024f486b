#include "frame.h"

#include "bytes.h"
#include "crc32.h"

enum { SYNC0 = 0xf7, SYNC1 = 0x54, SYNC2 = 0x4a, VERSION = 1 };

uint32_t tj_seal(uint8_t *frame, uint32_t type, uint32_t flags, uint32_t sequence,
                 uint32_t payload) {
  frame[0] = SYNC0;
  frame[1] = SYNC1;
  frame[2] = SYNC2;
  frame[3] = VERSION;
  frame[4] = (uint8_t)type;
  frame[5] = (uint8_t)flags;
  tj_put16(frame + 6, payload);
  tj_put32(frame + 8, sequence);
  tj_put32(frame + TJ_HEAD + payload, tj_crc32(frame, TJ_HEAD + payload));
  return TJ_OVERHEAD + payload;
}

static int is_sync(const uint8_t *p) { return p[0] == SYNC0 && p[1] == SYNC1 && p[2] == SYNC2; }

// Length by the header, 0 when sync, version or length forbid it.
static uint32_t frame_size(const uint8_t *p) {
  uint32_t payload = tj_get16(p + 6);
  if (!is_sync(p) || p[3] != VERSION || payload > TJ_MAX_PAYLOAD || payload % 4) return 0;
  return TJ_OVERHEAD + payload;
}

static int crc_fits(const uint8_t *p, uint32_t size) {
  return tj_crc32(p, size - 4) == tj_get32(p + size - 4);
}

// Counts what stands at the start and goes to the next byte that can begin a frame.
static void refuse(tj_splitter *s) {
  const uint8_t *p = s->bytes + s->start;
  if (is_sync(p)) {
    if (p[3] == VERSION) s->counts.bad++;
    else s->counts.other_version++;
  }
  uint32_t at = s->start + 1;
  while (at < s->end && s->bytes[at] != SYNC0) at++;
  s->counts.skipped += at - s->start;
  s->start = at;
}

int tj_split_scan(tj_splitter *s, uint32_t limit, tj_on_frame on_frame, void *context) {
  uint32_t spent = 0;
  while (s->end - s->start >= TJ_HEAD) {
    const uint8_t *p = s->bytes + s->start;
    uint32_t size = frame_size(p), before = s->start;
    if (size > s->end - s->start) break;
    if (spent >= limit) return 0;
    if (size && crc_fits(p, size)) {
      s->counts.frames++;
      s->start += size;
      on_frame(context, p, size);
    } else {
      refuse(s);
    }
    spent += size + (s->start - before);
  }
  if (s->start == s->end) s->start = s->end = 0;
  return 1;
}

static void make_room(tj_splitter *s) {
  tj_copy(s->bytes, s->bytes + s->start, s->end - s->start);
  s->end -= s->start;
  s->start = 0;
}

void tj_split_put(tj_splitter *s, const uint8_t *bytes, uint32_t n) {
  if (n > sizeof s->bytes - s->end) make_room(s);
  tj_copy(s->bytes + s->end, bytes, n);
  s->end += n;
}

void tj_split(tj_splitter *s, const uint8_t *bytes, uint32_t n, tj_on_frame on_frame,
              void *context) {
  while (n) {
    if (s->end == sizeof s->bytes) make_room(s);
    uint32_t room = sizeof s->bytes - s->end, take = n < room ? n : room;
    tj_split_put(s, bytes, take);
    bytes += take;
    n -= take;
    tj_split_scan(s, ~0u, on_frame, context);
  }
}

void tj_split_reset(tj_splitter *s) {
  s->counts.skipped += s->end - s->start;
  s->start = s->end = 0;
}
