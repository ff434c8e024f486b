#include "device.h"

#include "commands.h"

static int send(tj_device *d, uint32_t bytes) {
  d->sequence++;
  if (d->port->send(d->frame, bytes)) return 1;
  d->counters.frames_dropped++;
  return 0;
}

void tj_device_pack(tj_device *d, tj_ring ring, uint32_t rows) {
  const tj_capabilities *c = &d->capabilities;
  tj_pack(d->frame + TJ_ROWS_AT, ring, rows, tj_channels_of(c->mask), c->bits);
}

int tj_device_samples(tj_device *d, uint32_t rows, uint64_t index, uint64_t tick, uint32_t levels) {
  const tj_capabilities *c = &d->capabilities;
  tj_samples s = {.run = d->run,
                  .rows = rows,
                  .mask = c->mask,
                  .bits = c->bits,
                  .lines = levels | (uint32_t)c->sampled_lines << 4,
                  .index = index,
                  .tick = tick};
  return send(d, tj_samples_frame(d->frame, &s, 0, 0, d->sequence));
}

int tj_device_edges(tj_device *d, const tj_edge *edges, uint32_t n) {
  if (send(d, tj_edges_frame(d->frame, edges, n, d->run, d->sequence))) return 1;
  d->counters.edges_dropped += n;
  return 0;
}

int tj_device_reading(tj_device *d, const tj_reading *r) {
  return send(d, tj_readings_frame(d->frame, r, 1, d->run, d->sequence));
}

int tj_device_status(tj_device *d, uint64_t next_index) {
  tj_status s = d->counters;
  s.state = d->running;
  s.tick = d->port->now();
  s.next_index = next_index;
  s.commands_refused += d->splitter.counts.bad - d->bad_before_run;
  return send(d, tj_status_frame(d->frame, &s, d->run, d->sequence));
}

void tj_device_transport(tj_device *d, uint64_t now, int waiting, uint64_t last_taken) {
  if (!waiting || !d->running || now <= last_taken) {
    d->in_stall = 0;
    return;
  }
  uint32_t idle = (uint32_t)(now - last_taken), limit = d->capabilities.tick_hz / 100;  // 10 ms
  if (idle < limit) return;
  if (!d->in_stall) d->counters.stalls++;
  if (idle > d->counters.longest_stall) d->counters.longest_stall = idle;
  d->in_stall = 1;
}

void tj_device_halt(tj_device *d) {
  if (d->running) d->port->stop();
  d->running = 0;
  tj_split_reset(&d->splitter);
}

static void begin_run(tj_device *d) {
  d->run++;
  d->counters = (tj_status){0};
  d->bad_before_run = d->splitter.counts.bad;
  d->in_stall = 0;
  d->running = 1;
  d->port->start();
}

static void on_frame(void *context, const uint8_t *frame, uint32_t size) {
  tj_device *d = context;
  if ((frame[4] & 0xc0) != 0x40) {  // no command: an echo of ours, or another device's record
    d->counters.commands_refused++;
    return;
  }
  tj_answer a = tj_answer_command(d, frame[4], frame + TJ_HEAD, size - TJ_OVERHEAD);
  if (a.then == TJ_THEN_START) begin_run(d);
  if (a.then == TJ_THEN_STOP) {
    d->port->stop();
    d->running = 0;
  }
  if (a.malformed) d->counters.commands_refused++;
  send(d, tj_reply_frame(d, frame, a));
  if (a.then == TJ_THEN_LEAVE) d->port->bootloader();
}

void tj_device_put(tj_device *d, const uint8_t *bytes, uint32_t n, uint64_t tick) {
  d->taken = tick;
  tj_split_put(&d->splitter, bytes, n);
}

int tj_device_scan(tj_device *d, uint32_t limit) {
  return tj_split_scan(&d->splitter, limit, on_frame, d);
}

void tj_device_take(tj_device *d, const uint8_t *bytes, uint32_t n, uint64_t tick) {
  d->taken = tick;
  tj_split(&d->splitter, bytes, n, on_frame, d);
}
