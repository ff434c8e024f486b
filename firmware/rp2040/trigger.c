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
  DEPTH = 64,
  DEPTH_BITS = 8
};
static volatile uint32_t latched[LATCHES][DEPTH] __attribute__((section(".rings.b"), aligned(256)));

static uint32_t next, last_number, first_level, lost;

// Edges taken that no block has reached yet: their rows, oldest first.
static uint64_t ahead[DEPTH];
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
  next = last_number = lost = ahead_from = ahead_to = 0;
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

static void read_edge(uint32_t slot, uint64_t now, tj_edge *e) {
  uint32_t write_address[2] = {latched[WRITE0][slot], latched[WRITE1][slot]};
  e->count = ~latched[NUMBER][slot] + 1;
  e->tick = now - (uint32_t)((uint32_t)now - latched[TICK][slot]);
  e->index = converter_row_at_edge(e->tick, write_address, latched[CONVERTER][slot]);
  e->line = 0;
  e->level = (uint8_t)((first_level ^ e->count) & 1);
  lost += e->count - last_number - 1;
  last_number = e->count;
  ahead[ahead_to++ % DEPTH] = e->index;
}

uint32_t trigger_take(tj_edge *edges) {
  // The last channel has written: the edge is whole. What is in flight is not counted, also where the
  // address then lies before the ring (erratum RP2040-E12): modulo the ring it is right.
  uint32_t end =
      (REG(DMA_WRITE(FIRST_CHANNEL + CONVERTER)) - (uint32_t)latched[CONVERTER]) / 4 % DEPTH;
  uint64_t now = clock_now();
  uint32_t n = 0;
  for (; next != end && n < TRIGGER_BATCH; n++, next = (next + 1) % DEPTH)
    read_edge(next, now, &edges[n]);
  return n;
}

uint32_t trigger_edges_lost(void) { return lost; }

uint32_t trigger_level_at(uint64_t row) {
  if (lost || ahead_to - ahead_from > DEPTH) {  // too many to follow: as it is now
    ahead_from = ahead_to;
    return level_so_far = level_now();
  }
  for (; ahead_from != ahead_to && ahead[ahead_from % DEPTH] <= row; ahead_from++)
    level_so_far ^= 1;
  return level_so_far;
}
