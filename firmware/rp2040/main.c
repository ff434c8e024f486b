// The RP2040 DAQ: joins the portable core with converter, trigger, sensors, flash and USB in one
// loop. Interrupts only count, stamp and move bytes; whatever takes time is here, and a pass takes
// less than a block lasts (4 ms at the fastest).
#include "clocks.h"
#include "converter.h"
#include "device.h"
#include "flash.h"
#include "ina_bus.h"
#include "regs.h"
#include "trigger.h"
#include "usb.h"
#include "wire.h"

#ifndef TJ_VERSION
#define TJ_VERSION "0"
#endif

enum { INPUTS = 4, STATUS_US = 100000, LEAVE_US = 20000 };
// How often the loop looks at edges and sensors.
enum { PACKETS_A_PASS = 8, CHECKED_A_PASS = 4096 };
enum { BUSY_US = 250, IDLE_US = 1000 };
// Kept free of stream records, so that a command is answered under a stall; and of edges, so that a
// trigger input that chatters does not cost the rows.
enum { REPLY_ROOM = 512, ROWS_ROOM = 16384 };

static tj_device device;
static uint8_t frame[TJ_ROWS_AT + ROWS_A_BLOCK * INPUTS * 3 / 2 + 4] __attribute__((aligned(4)));
static uint32_t sample_counts;
static uint64_t status_due, leave_at;
static char serial[17];

static const uint8_t sensor_address[TJ_INA_CHIPS] = {0x40, 0x41, 0x44,
                                                     0x45};  // A0 and A1 at GND or VS
static tj_ina_bus sensors;

static int send(const uint8_t *bytes, uint32_t n) {
  uint32_t type = bytes[4];
  uint32_t kept_free = type >= 0xc0 ? 0 : type == TJ_EDGES ? REPLY_ROOM + ROWS_ROOM : REPLY_ROOM;
  if (usb_room() < n + kept_free) return 0;
  usb_write(bytes, n);
  return 1;
}

static uint64_t rounded(uint64_t a, uint64_t b) { return (a + b / 2) / b; }

// The nearest rate: the converter's clock over a whole number.
static int configure(tj_capabilities *c, uint32_t row_mhz, uint32_t mask, uint32_t bits) {
  if (mask == 0 || mask >> INPUTS || bits != 12) return 0;
  uint32_t channels = tj_channels_of(mask);
  uint64_t counts = row_mhz ? rounded(CONVERTER_HZ * 1000ull, (uint64_t)row_mhz * channels) : ~0ull;
  if (counts < SAMPLE_COUNTS_MIN) counts = SAMPLE_COUNTS_MIN;
  if (counts > SAMPLE_COUNTS_MAX) counts = SAMPLE_COUNTS_MAX;
  sample_counts = (uint32_t)counts;
  c->row_mhz = (uint32_t)rounded(CONVERTER_HZ * 1000ull, counts * channels);
  c->mask = (uint8_t)mask;
  c->bits = 12;
  for (uint32_t i = 0, place = 0; i < INPUTS; i++) {
    uint32_t active = mask >> i & 1;
    c->channel[i].skew_ns = active ? (int32_t)(place * sample_counts * 125 / 6) : 0;  // 1/48 µs
    place += active;
  }
  return 1;
}

static void begin_sensors(void) {
  for (uint32_t i = 0; i < TJ_INA_CHIPS; i++) {
    tj_ina *s = &sensors.chip[i];
    s->readings = 0;
    if (s->state == TJ_INA_ABSENT) tj_ina_begin(s, sensor_address[i], TJ_INA_CONFIG);
  }
}

static void stop(void) {
  trigger_stop();
  converter_stop();
  clock_wake_every(IDLE_US);
}

static void start(void) {
  stop();
  set_lasting_count(device.run);
  begin_sensors();
  trigger_start();
  converter_start(device.capabilities.mask, sample_counts);
  status_due = clock_now() + STATUS_US;
  clock_wake_every(BUSY_US);
}

// Interrupts are off for as long as the flash is written: a fall of the alert line from that time has no
// stamp.
static int store(const uint8_t *text, uint32_t n) {
  int done = flash_store_calibration(text, n);
  uint64_t stale;
  wire_alert(&stale);
  return done;
}
static void leave(void) { leave_at = clock_now() + LEAVE_US; }

static const tj_port port = {clock_now,           send,  configure, start, stop,
                             converter_row_after, store, leave};

// At most a few packets a pass, and of what they hold only so much: false syncs can ask for the CRC of
// 16 kB at every twelfth byte (1.3 ms each), and blocks, edges and the watchdog do not wait. The host is
// told to wait instead.
static void take_commands(void) {
  static uint8_t is_open;  // a packet is being looked at
  for (uint32_t n = 0; n < PACKETS_A_PASS; n++) {
    if (usb_was_closed()) {
      tj_device_halt(&device);
      is_open = 0;
    }
    const usb_packet *p = usb_received();
    if (!p) return;
    if (!is_open) tj_device_put(&device, p->bytes, p->n, p->tick);
    is_open = !tj_device_scan(&device, CHECKED_A_PASS);
    if (is_open) return;
    usb_release();
  }
}

static void send_edges(void) {
  static tj_edge edges[TRIGGER_BATCH];
  uint32_t n = trigger_take(edges);
  device.counters.edges_dropped += trigger_edges_lost();
  if (n) tj_device_edges(&device, edges, n);
}

static void send_block(void) {
  converter_block b;
  if (!converter_take(&b)) return;
  tj_device_pack(&device, b.words, ROWS_A_BLOCK);
  // A block that the DMA came round to meanwhile is not sent; the jump of the index tells.
  if (!converter_was_whole()) return;
  tj_device_samples(&device, ROWS_A_BLOCK, b.index, b.tick, trigger_level_at(b.index));
}

static void take_fall(void) {
  uint64_t fell;
  if (wire_alert(&fell)) tj_ina_bus_fell(&sensors, fell);
}

static void step_sensors(void) {
  int acknowledged;
  uint16_t value = 0;
  uint64_t over;
  tj_i2c op;
  if (sensors.is_busy) {
    int is_over = wire_over(&over, &acknowledged, &value);
    take_fall();
    if (!is_over) return;
    const tj_reading *r = tj_ina_bus_done(&sensors, over, wire_alert_is_low(), acknowledged, value);
    if (r && device.running) tj_device_reading(&device, r);
  } else {
    take_fall();
  }
  uint64_t now = clock_now();
  int is_low = wire_alert_is_low();
  take_fall();
  if (tj_ina_bus_next(&sensors, now, is_low, &op)) wire_begin(&op);
}

static void stream(uint64_t now) {
  send_edges();
  device.counters.rows_overrun = converter_rows_lost();
  send_block();
  if (now < status_due) return;
  status_due += STATUS_US;
  tj_device_status(&device, converter_row_after(now));
}

static void pass(void) {
  uint64_t now = clock_now(), last_taken;
  watchdog_feed();
  usb_tend(now);
  take_commands();
  step_sensors();
  int waiting = usb_is_waiting(&last_taken);
  tj_device_transport(&device, now, waiting, last_taken);
  if (device.running) stream(now);
  if (leave_at && now >= leave_at) {
    if (device.running) stop();
    usb_stop();
    rom_bootloader();
  }
}

// Sleeps through the interrupts that leave nothing to do, which are most: 12,000 packets a second.
static void await_work(void) {
  irq_off();
  while (!usb_received() && !converter_has_block() && !wire_has_news() && !clock_woke()) {
    __asm volatile("wfi");
    irq_window();
  }
  irq_on();
}

static void describe(void) {
  int has_id = flash_unique_id(serial);
  // A chip says it is an ASIC (2.20); a flash without an id is a stock emulator's.
  int is_silicon = has_id && (REG(SYSINFO_PLATFORM) & 2);
  device.identity =
      (tj_identity){is_silicon ? TJ_SILICON : TJ_EMULATOR, "truejoule rp2040", serial, TJ_VERSION};
  tj_capabilities *c = &device.capabilities;
  c->tick_hz = TICK_HZ;
  c->tick_tolerance_ppb = 30000;  // the Pico's crystal, ABM8-272-T3
  c->max_samples_hz = 500000;
  c->edge_lines = 1;
  c->rows_per_block = ROWS_A_BLOCK;
  c->channels = INPUTS;
  static const char *const name[INPUTS] = {"adc0", "adc1", "adc2", "adc3"};
  for (uint32_t i = 0; i < INPUTS; i++)
    c->channel[i] = (tj_channel){(uint8_t)i, 12, 0, 0, 0, 3300000, 0, name[i]};
  configure(c, 100000000, 15, 12);  // 4 × 100 kS/s: 607 kB/s, safe on full speed
}

int main(void) {
  watchdog_start();
  clocks_start();
  watchdog_feed();
  device.port = &port;
  device.frame = frame;
  device.run = lasting_count();
  device.calibration = flash_calibration(&device.calibration_bytes);
  describe();
  converter_set_up();
  trigger_set_up();
  wire_set_up();
  tj_ina_bus_begin(&sensors, sensor_address, TJ_INA_CONFIG);
  watchdog_feed();
  clock_wake_every(IDLE_US);
  usb_start(serial);
  for (;;) {
    await_work();
    pass();
  }
}
