#include "commands.h"

#include "bytes.h"
#include "crc32.h"

static const uint32_t BOOT_WORD = 0x544f4f42;  // "BOOT"

static tj_answer done(uint32_t body) { return (tj_answer){.result = TJ_DONE, .body = body}; }
static tj_answer then(tj_then what) { return (tj_answer){.result = TJ_DONE, .then = what}; }
static tj_answer no(tj_result r) { return (tj_answer){.result = r}; }
static tj_answer malformed(void) { return (tj_answer){.result = TJ_BAD_ARGUMENT, .malformed = 1}; }

static tj_answer read_calibration(tj_device *d, uint8_t *body, const uint8_t *p, uint32_t n) {
  if (n < 4) return malformed();
  uint32_t offset = tj_get32(p);
  // A page from an odd place would leave a payload that is no multiple of 4.
  if (offset % 4 || offset > d->calibration_bytes) return no(TJ_BAD_ARGUMENT);
  return done(tj_put_page(body, d->calibration, d->calibration_bytes, offset));
}

static tj_answer write_calibration(tj_device *d, const uint8_t *p, uint32_t n) {
  if (n < 12) return malformed();
  // Storing stops the bus to the flash for up to 0.9 s: never under a running stream.
  if (d->running) return no(TJ_REFUSED);
  uint32_t offset = tj_get32(p), total = tj_get32(p + 4), crc = tj_get32(p + 8), page = n - 12;
  if (offset == 0) d->page_bytes = 0;
  // In order; a page may come again, since its reply may have been lost.
  if (offset > d->page_bytes || page > TJ_PAGE || total > TJ_MAX_CALIBRATION ||
      offset > total || page > total - offset)
    return no(TJ_BAD_ARGUMENT);
  tj_copy(d->pages + offset, p + 12, page);
  d->page_bytes = offset + page;
  if (d->page_bytes < total) return done(0);
  if (tj_crc32(d->pages, total) != crc || !d->port->store(d->pages, total)) {
    d->page_bytes = 0;
    return no(TJ_STORAGE_FAILED);
  }
  d->calibration_bytes = total;
  return done(0);
}

static tj_answer configure(tj_device *d, uint8_t *body, const uint8_t *p, uint32_t n) {
  if (n < 8) return malformed();
  if (d->running) return no(TJ_REFUSED);
  if (!d->port->configure(&d->capabilities, tj_get32(p), p[4], p[5])) return no(TJ_BAD_ARGUMENT);
  return done(tj_put_capabilities(body, &d->capabilities));
}

static tj_answer bootloader(const uint8_t *p, uint32_t n) {
  if (n < 4) return malformed();
  return tj_get32(p) == BOOT_WORD ? then(TJ_THEN_LEAVE) : no(TJ_BAD_ARGUMENT);
}

tj_answer tj_answer_command(tj_device *d, uint32_t type, const uint8_t *p, uint32_t n) {
  uint8_t *body = d->frame + TJ_BODY_AT;
  switch (type) {
    case TJ_IDENTIFY: return done(tj_put_identity(body, &d->identity));
    case TJ_CAPABILITIES: return done(tj_put_capabilities(body, &d->capabilities));
    case TJ_READ_CALIBRATION: return read_calibration(d, body, p, n);
    case TJ_WRITE_CALIBRATION: return write_calibration(d, p, n);
    case TJ_START: return then(TJ_THEN_START);
    case TJ_STOP: return then(TJ_THEN_STOP);
    case TJ_CONFIGURE: return configure(d, body, p, n);
    case TJ_PING: return done(tj_put_two(body, d->taken, d->port->now()));
    case TJ_MARK:
      return done(tj_put_two(body, d->running ? d->port->row_after(d->taken) : 0, d->taken));
    case TJ_BOOTLOADER: return bootloader(p, n);
    default: return (tj_answer){.result = TJ_UNKNOWN_COMMAND, .malformed = 1};
  }
}

uint32_t tj_reply_frame(tj_device *d, const uint8_t *command, tj_answer a) {
  tj_put32(d->frame + 12, tj_get32(command + 8));
  tj_put16(d->frame + 16, a.result);
  tj_put16(d->frame + 18, d->running);
  tj_put32(d->frame + 20, d->run);
  return tj_seal(d->frame, command[4] | 0x80u, 0, d->sequence, TJ_BODY_AT - TJ_HEAD + a.body);
}

uint32_t tj_put_identity(uint8_t *p, const tj_identity *i) {
  tj_put32(p, i->platform);
  tj_put_text(p + 4, i->model, 20);
  tj_put_text(p + 24, i->serial, 16);
  tj_put_text(p + 40, i->firmware, 16);
  return 56;
}

static void put_channel(uint8_t *p, const tj_channel *c) {
  p[0] = c->channel;
  p[1] = c->converter_bits;
  p[2] = c->flags;
  p[3] = c->quantity;
  tj_put32(p + 4, (uint32_t)c->skew_ns);
  tj_put32(p + 8, c->full_scale_uv);
  tj_put32(p + 12, c->bandwidth_hz);
  tj_put_text(p + 16, c->name, 16);
}

uint32_t tj_put_capabilities(uint8_t *p, const tj_capabilities *c) {
  tj_put32(p, c->tick_hz);
  tj_put32(p + 4, c->tick_tolerance_ppb);
  tj_put32(p + 8, c->row_mhz);
  tj_put32(p + 12, c->max_samples_hz);
  p[16] = c->mask;
  p[17] = c->bits;
  p[18] = c->edge_lines;
  p[19] = c->sampled_lines;
  tj_put16(p + 20, c->rows_per_block);
  p[22] = c->channels;
  p[23] = 32;  // bytes an entry
  for (uint32_t i = 0; i < c->channels; i++) put_channel(p + 24 + 32 * i, &c->channel[i]);
  return 24 + 32u * c->channels;
}

uint32_t tj_put_page(uint8_t *p, const uint8_t *whole, uint32_t total, uint32_t offset) {
  uint32_t n = total - offset < TJ_PAGE ? total - offset : TJ_PAGE;
  tj_put32(p, offset);
  tj_put32(p + 4, total);
  tj_copy(p + 8, whole + offset, n);
  return 8 + n;
}

uint32_t tj_put_two(uint8_t *p, uint64_t a, uint64_t b) {
  tj_put64(p, a);
  tj_put64(p + 8, b);
  return 16;
}
