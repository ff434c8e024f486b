#include "trigger.h"

#include "clocks.h"
#include "converter.h"
#include "regs.h"

enum {
  PIO_CTRL = 0x00,
  PIO_RXF0 = 0x20,
  PIO_MEM = 0x48,
  SM0_CLKDIV = 0xc8,
  SM0_EXEC = 0xcc,
  SM0_INSTR = 0xd8,
  PIO_FSTAT = 0x04
};

// X counts down from ~0, so the word pushed at an edge is the complement of its number (3.4).
static const uint16_t program[] = {
    0x2080 | TRIGGER_PIN,  // 0: wait 1 gpio
    0xa0c1,                // 1: mov isr, x
    0x8000,                // 2: push noblock
    0x0044,                // 3: jmp x--, 4
    0x2000 | TRIGGER_PIN,  // 4: wait 0 gpio
    0xa0c1,                // 5: mov isr, x
    0x8000,                // 6: push noblock
    0x0040,                // 7: jmp x--, 0
};
enum { MOV_X_ALL_ONES = 0xa02b, JMP = 0x0000, WAIT_RISE = 0, WAIT_FALL = 4 };

// What an edge leaves behind: its number, the timer, where both converter channels would write
// next, and whether the converter was at work.
enum {
  NUMBER,
  TICK,
  WRITE0,
  WRITE1,
  CONVERTER,
  LATCHES,
  FIRST_CHANNEL = 2,
  DEPTH = 256,
  DEPTH_BITS = 10
};
static volatile uint32_t latched[LATCHES][DEPTH] __attribute__((section(".rings.b"), aligned(1024)));

static uint32_t last_number, first_level, lost;

// Edges taken that no block has reached yet, oldest first.
static struct {
  uint64_t row;
  uint8_t level;
} ahead[DEPTH];
static uint32_t ahead_from, ahead_to, level_so_far;

void trigger_set_up(void) {
  REG(PAD(TRIGGER_PIN)) = PAD_IE | PAD_SCHMITT | PAD_PDE;  // an open input is low
  REG(GPIO_CTRL(TRIGGER_PIN)) = FUNC_SIO;
  for (uint32_t i = 0; i < sizeof program / sizeof *program; i++)
    REG(PIO0 + PIO_MEM + 4 * i) = program[i];
  REG(PIO0 + SM0_CLKDIV) = 1u << 16;
  REG(PIO0 + SM0_EXEC) = 7u << 12;  // wrap from 7 to 0
}

// Each channel moves one word and starts the next; the last lets the first wait for the PIO again.
static void arm(uint32_t latch, uint32_t from) {
  uint32_t c = FIRST_CHANNEL + latch, following = FIRST_CHANNEL + (latch + 1) % LATCHES;
  REG(DMA_READ(c)) = from;
  REG(DMA_WRITE(c)) = (uint32_t)latched[latch];
  REG(DMA_COUNT(c)) = 1;
  REG(DMA_DREQ_COUNT(c)) = 0;  // a request of before the abort
  REG(DMA_CTRL(c)) = DMA_EN | DMA_32 | DMA_INCR_WRITE | DMA_QUIET | DMA_WRITE_RING(DEPTH_BITS) |
                     DMA_CHAIN(following) | DMA_DREQ(latch == NUMBER ? DREQ_PIO0_RX0 : DREQ_NONE);
}

static uint32_t level_now(void) { return REG(SIO_GPIO_IN) >> TRIGGER_PIN & 1; }

void trigger_stop(void) {
  REG(PIO0 + PIO_CTRL) = 0;
  for (uint32_t c = FIRST_CHANNEL; c < FIRST_CHANNEL + LATCHES; c++) {
    REG(DMA_CTRL(c)) = DMA_CHAIN(c);
    REG(DMA_ABORT) = 1u << c;
    while (REG(DMA_CTRL(c)) & 1u << 24) continue;
  }
  while (!(REG(PIO0 + PIO_FSTAT) & 1u << 8)) (void)REG(PIO0 + PIO_RXF0);  // RXEMPTY of machine 0
}

void trigger_start(void) {
  trigger_stop();
  last_number = lost = ahead_from = ahead_to = 0;
  for (uint32_t i = 0; i < DEPTH; i++) latched[NUMBER][i] = 0;  // number 0: no edge
  arm(NUMBER, PIO0 + PIO_RXF0);
  arm(TICK, TIMER_RAWL);
  arm(WRITE0, DMA_WRITE(0));
  arm(WRITE1, DMA_WRITE(1));
  arm(CONVERTER, ADC_CS);
  REG(DMA_TRIGGER) = 1u << FIRST_CHANNEL;
  level_so_far = first_level = level_now();
  REG(PIO0 + PIO_CTRL) = 1u << 4;  // restart machine 0
  REG(PIO0 + SM0_INSTR) = MOV_X_ALL_ONES;
  REG(PIO0 + SM0_INSTR) = JMP | (first_level ? WAIT_FALL : WAIT_RISE);
  REG(PIO0 + PIO_CTRL) = 1;
}

// Slots that the chain has finished, modulo the ring: the last channel has written. What is in flight
// is not counted, also where the address then lies before the ring (erratum RP2040-E12).
static uint32_t finished(void) {
  return (REG(DMA_WRITE(FIRST_CHANNEL + CONVERTER)) - (uint32_t)latched[CONVERTER]) / 4 % DEPTH;
}

static uint32_t number_in(uint32_t slot) { return ~latched[NUMBER][slot % DEPTH] + 1; }

static int is_new(uint32_t number) { return (int32_t)(number - last_number) > 0; }

// The ring always holds the newest edges in order, however often the chain came round: the slot before
// `end` the newest, the one after `end` the oldest that is whole. So a slot is new when its number is
// greater than the last one taken, and nothing has to be known about laps. Found by halving, since it is
// part of the stretch below. Returns how far before `end` the oldest new slot lies; 0: there is none.
static uint32_t oldest_new(uint32_t end) {
  uint32_t since = number_in(end - 1) - last_number;  // at least as many as there are new slots
  uint32_t back = since < DEPTH - 2 ? since : DEPTH - 2;
  if (back == 0 || is_new(number_in(end - back))) return back;
  uint32_t new = 0, old = back;
  while (old - new > 1) {
    uint32_t middle = (new + old) / 2;
    if (is_new(number_in(end - middle))) new = middle;
    else old = middle;
  }
  return new;
}

// Copies slots while the chain goes on writing, with interrupts off. In that time the chain cannot come
// round: an edge takes it five transfers one after the other, each a read and a write on the bus, ten
// clocks at the very least; search and copy take some 70 clocks a slot, 2,300 for a batch (18 µs), and
// DEPTH slots take the chain 2,560. What was written meanwhile, and the slot then in flight, is not
// used. Returns how many of the first to leave out.
static uint32_t copy_slots(uint32_t end, uint32_t back, uint32_t n, uint32_t to[][LATCHES]) {
  for (uint32_t i = 0; i < n; i++) {
    uint32_t slot = (end - back + i) % DEPTH;
    for (uint32_t k = 0; k < LATCHES; k++) to[i][k] = latched[k][slot];
  }
  uint32_t written = (finished() - end) % DEPTH + 1;  // from `end` on; one is in flight
  uint32_t spared = DEPTH - back;                     // slots from `end` on before the first copied
  return written < spared ? 0 : written - spared + 1;
}

static void place(const uint32_t of[LATCHES], uint64_t now, tj_edge *e) {
  e->count = ~of[NUMBER] + 1;
  e->tick = now - (uint32_t)((uint32_t)now - of[TICK]);
  e->index = converter_row_at_edge(e->tick, &of[WRITE0], of[CONVERTER]);
  e->line = 0;
  e->level = (uint8_t)((first_level ^ e->count) & 1);
  lost += e->count - last_number - 1;
  last_number = e->count;
  ahead[ahead_to % DEPTH].row = e->index;
  ahead[ahead_to++ % DEPTH].level = e->level;
}

uint32_t trigger_take(tj_edge *edges) {
  static uint32_t copy[TRIGGER_BATCH][LATCHES];
  irq_off();
  uint32_t end = finished(), back = oldest_new(end);
  uint32_t n = back < TRIGGER_BATCH ? back : TRIGGER_BATCH;
  uint32_t gone = copy_slots(end, back, n, copy);
  uint64_t now = clock_now();  // after the last latch that is used
  irq_on();
  uint32_t placed = 0;
  for (uint32_t i = gone; i < n; i++)
    if (is_new(~copy[i][NUMBER] + 1)) place(copy[i], now, &edges[placed++]);
  return placed;
}

uint32_t trigger_edges_lost(void) {
  uint32_t since = lost;
  lost = 0;
  return since;
}

uint32_t trigger_level_at(uint64_t row) {
  if (ahead_to - ahead_from > DEPTH) {  // too many to follow: as it is now
    ahead_from = ahead_to;
    return level_so_far = level_now();
  }
  for (; ahead_from != ahead_to && ahead[ahead_from % DEPTH].row <= row; ahead_from++)
    level_so_far = ahead[ahead_from % DEPTH].level;
  return level_so_far;
}
