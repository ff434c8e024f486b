#include "wire.h"

#include "clocks.h"
#include "handlers.h"
#include "regs.h"

enum {
  CON = 0x00,
  TAR = 0x04,
  DATA = 0x10,
  FS_HCNT = 0x1c,
  FS_LCNT = 0x20,
  INTR_MASK = 0x30,
  RAW_INTR = 0x34,
  RX_TL = 0x38,
  TX_TL = 0x3c,
  CLR_ALL = 0x40,
  CLR_ABRT = 0x54,
  CLR_STOP = 0x60,
  ENABLE = 0x6c,
  RXFLR = 0x78,
  SDA_HOLD = 0x7c,
  SPKLEN = 0xa0
};
enum { MASTER = 1, FAST = 2 << 1, RESTART_EN = 1 << 5, NO_SLAVE = 1 << 6, TX_EMPTY_CTRL = 1 << 8 };
enum { READ = 1 << 8, STOP = 1 << 9, RESTART = 1 << 10 };
enum { TX_ABRT = 1 << 6, STOP_DET = 1 << 9 };
enum { TOO_LONG_US = 2000 };  // a transaction takes 115 µs

static tj_i2c current;
static uint64_t began;
static volatile uint64_t fell;
static volatile uint8_t has_fallen;
static volatile uint64_t ended;
static volatile uint8_t has_ended;

static void pause_us(uint32_t us) {
  uint32_t from = REG(TIMER_RAWL);
  while (REG(TIMER_RAWL) - from <= us) continue;
}

// As open drain: the pin pulls low, or lets go. Slower than any chip here needs.
static void pull(uint32_t pin, int low) {
  REG(low ? SIO_GPIO_OE_SET : SIO_GPIO_OE_CLR) = 1u << pin;
  pause_us(4);
}

static int is_low(uint32_t pin) { return !(REG(SIO_GPIO_IN) >> pin & 1); }

// A chip that was cut off while it was read, by a reset of this one, holds the data line until its
// byte is clocked out, for as long as it has its supply: nine clocks at most, then a stop (I²C
// specification UM10204, 3.1.16).
static void free_bus(void) {
  static const uint32_t both = 1u << SDA_PIN | 1u << SCL_PIN;
  REG(SIO_GPIO_OUT_CLR) = both;
  REG(SIO_GPIO_OE_CLR) = both;
  REG(GPIO_CTRL(SDA_PIN)) = REG(GPIO_CTRL(SCL_PIN)) = FUNC_SIO;
  pause_us(20);  // the pull-ups of the pads alone take some 10 µs
  if (is_low(SDA_PIN)) {
    for (uint32_t k = 0; k < 9 && is_low(SDA_PIN); k++) {
      pull(SCL_PIN, 1);
      pull(SCL_PIN, 0);
    }
    pull(SCL_PIN, 1);
    pull(SDA_PIN, 1);
    pull(SCL_PIN, 0);
    pull(SDA_PIN, 0);
  }
  REG(GPIO_CTRL(SDA_PIN)) = REG(GPIO_CTRL(SCL_PIN)) = FUNC_I2C;
}

static void set_up_bus(void) {
  REG(I2C0 + ENABLE) = 0;
  REG(I2C0 + CON) = MASTER | FAST | RESTART_EN | NO_SLAVE | TX_EMPTY_CTRL;
  // 400 kHz at 125 MHz: 312 clocks, three fifths of them low (4.3.14); spikes up to 11, and the
  // data held 38 clocks = 300 ns after the fall, as the I²C specification asks.
  REG(I2C0 + FS_HCNT) = 125;
  REG(I2C0 + FS_LCNT) = 187;
  REG(I2C0 + SPKLEN) = 11;
  REG(I2C0 + SDA_HOLD) = 38;
  REG(I2C0 + RX_TL) = 0;
  REG(I2C0 + TX_TL) = 0;
  REG(I2C0 + INTR_MASK) = 0;
  (void)REG(I2C0 + CLR_ALL);
}

// The INA226 takes nothing above 0.4 V for low (SBOS547, VIL), and pull-ups of several boards add up.
void wire_set_up(void) {
  for (uint32_t pin = SDA_PIN; pin <= SCL_PIN; pin++)
    REG(PAD(pin)) = PAD_IE | PAD_SCHMITT | PAD_PUE | PAD_8MA;
  free_bus();
  set_up_bus();
  REG(PAD(ALERT_PIN)) = PAD_IE | PAD_SCHMITT | PAD_PUE;  // open drain
  REG(GPIO_CTRL(ALERT_PIN)) = FUNC_SIO;
  REG(IO_INTE(ALERT_PIN)) = IO_EDGE_LOW(ALERT_PIN);
  REG(NVIC_ISER) = 1u << IRQ_IO_BANK0 | 1u << IRQ_I2C0;
}

void on_wire(void) {
  REG(I2C0 + INTR_MASK) = 0;  // the flag stays for wire_over
  ended = clock_now();
  has_ended = 1;
}

int wire_has_news(void) { return has_ended || has_fallen; }

void on_alert(void) {
  REG(IO_INTR(ALERT_PIN)) = IO_EDGE_LOW(ALERT_PIN);
  fell = clock_now();
  has_fallen = 1;
}

int wire_alert(uint64_t *tick) {
  irq_off();
  int was = has_fallen;
  *tick = fell;
  has_fallen = 0;
  irq_on();
  return was;
}

int wire_alert_is_low(void) { return is_low(ALERT_PIN); }

void wire_begin(const tj_i2c *op) {
  current = *op;
  began = clock_now();
  has_ended = 0;
  REG(I2C0 + INTR_MASK) = STOP_DET;
  REG(I2C0 + ENABLE) = 0;
  REG(I2C0 + TAR) = op->address;
  REG(I2C0 + ENABLE) = 1;
  for (uint32_t i = 0; i < op->written; i++) {
    uint32_t last = !op->reading && i + 1 == op->written;
    REG(I2C0 + DATA) = op->bytes[i] | (last ? STOP : 0);
  }
  if (!op->reading) return;
  REG(I2C0 + DATA) = READ | RESTART;
  REG(I2C0 + DATA) = READ | STOP;
}

static uint16_t received(void) {
  uint32_t high = REG(I2C0 + DATA) & 255;
  return (uint16_t)(high << 8 | (REG(I2C0 + DATA) & 255));
}

// The controller cannot be switched off in the middle of a transaction (4.3.10.3): its reset can be.
static void start_over(void) {
  SET(RESETS) = RESET_I2C0;
  free_bus();
  CLR(RESETS) = RESET_I2C0;
  while (!(REG(RESET_DONE) & RESET_I2C0)) continue;
  set_up_bus();
}

int wire_over(uint64_t *at, int *acknowledged, uint16_t *value) {
  *at = clock_now();
  if (!has_ended) {
    if (*at - began < TOO_LONG_US) return 0;
    start_over();  // something holds the bus
    *acknowledged = 0;
    return 1;
  }
  has_ended = 0;
  *at = ended;
  *acknowledged = !(REG(I2C0 + RAW_INTR) & TX_ABRT);
  if (*acknowledged && current.reading) {
    if (REG(I2C0 + RXFLR) < 2) *acknowledged = 0;
    else *value = received();
  }
  (void)REG(I2C0 + CLR_ABRT);
  (void)REG(I2C0 + CLR_STOP);
  return 1;
}
