#include "converter.h"

#include "clocks.h"
#include "handlers.h"
#include "records.h"
#include "regs.h"

enum { RING_WORDS = 2048, RING_BITS = 12 };  // 4,096 bytes
enum { LATE_TICKS = 100 };  // more than any interrupt waits, less than any block lasts
enum { SETTLE_TICKS = 4 };  // more than a conversion and its way into the FIFO
enum { LAST_US = 5 };       // of the wait for a row's beginning, with interrupts off
enum { CS_EN = 1, CS_READY = 1 << 8, CS_START_MANY = 1 << 3 };
enum { FCS_EN = 1, FCS_DREQ = 1 << 3, FCS_UNDER = 1 << 10, FCS_OVER = 1 << 11, FCS_EMPTY = 1 << 8 };

static uint16_t ring[2][RING_WORDS] __attribute__((section(".rings.a"), aligned(4096)));
static volatile uint32_t done;  // blocks that the DMA finished since it was set going
static uint32_t taken, inputs, lost;
static uint64_t first_row;  // index of the row that began when it was set going
static uint64_t finish_at;  // tick by which the DMA finishes the block it is in, as its count says
static uint32_t finish_of;  // that block
static tj_timing timing;
static tj_double_buffer buffer;

void on_converter(void) {
  uint32_t s = REG(DMA_INTS0);
  REG(DMA_INTS0) = s;
  done += (s & 1) + (s >> 1 & 1);
}

void converter_set_up(void) {
  for (uint32_t pin = 26; pin < 30; pin++) {  // analogue: no digital input, no pulls (4.9.1)
    CLR(PAD(pin)) = PAD_IE | PAD_PUE | PAD_PDE;
    SET(PAD(pin)) = PAD_OD;
    REG(GPIO_CTRL(pin)) = FUNC_NULL;
  }
  REG(ADC_CS) = CS_EN;
  while (!(REG(ADC_CS) & CS_READY)) continue;
  REG(NVIC_ISER) = 1u << IRQ_DMA_0;
}

static void arm_dma(uint32_t c) {
  REG(DMA_READ(c)) = ADC_FIFO;
  REG(DMA_WRITE(c)) = (uint32_t)ring[c];
  REG(DMA_COUNT(c)) = buffer.block;
  REG(DMA_DREQ_COUNT(c)) = 0;  // a request of before the abort
  REG(DMA_CTRL(c)) = DMA_EN | DMA_16 | DMA_INCR_WRITE | DMA_WRITE_RING(RING_BITS) |
                     DMA_CHAIN(c ^ 1) | DMA_DREQ(DREQ_ADC);
}

// Sets everything going at the beginning of tick `at`, or of the next one if that is gone. Whether
// the first conversion of a paced run begins at once or when the divider comes round is not said
// (4.9.2, DIV): row 0's tick is the one at which the converter was seen to be at work.
static void go(uint64_t at) {
  uint32_t first = 0;
  while (!(inputs >> first & 1)) first++;
  while (!(REG(ADC_FCS) & FCS_EMPTY)) (void)REG(ADC_FIFO);
  REG(ADC_FCS) = FCS_EN | FCS_DREQ | FCS_UNDER | FCS_OVER | 1u << 24;  // DREQ at one sample
  // INT: a sample every 1 + INT clocks; 0 is back to back (4.9.2).
  REG(ADC_DIV) = timing.sample_counts > SAMPLE_COUNTS_MIN ? (timing.sample_counts - 1) << 8 : 0;
  done = taken = 0;
  arm_dma(0);
  arm_dma(1);
  REG(DMA_INTS0) = 3;
  REG(DMA_INTE0) = 3;
  REG(DMA_TRIGGER) = 1;
  uint32_t cs = CS_EN | first << 12 | inputs << 16;
  REG(ADC_CS) = cs;
  uint32_t tick = (uint32_t)at;
  while ((int32_t)(tick - REG(TIMER_RAWL)) > LAST_US) watchdog_feed();  // up to a row, interrupts on
  irq_off();
  if ((int32_t)(tick - REG(TIMER_RAWL)) <= 0) tick = REG(TIMER_RAWL) + 1;
  while (REG(TIMER_RAWL) != tick) continue;
  REG(ADC_CS) = cs | CS_START_MANY;
  while (REG(ADC_CS) & CS_READY) continue;
  timing.start_tick = clock_now();
  irq_on();
  finish_of = ~0u;
}

// The converter's clock is not the bus's: a conversion may begin just after the bit was cleared, while
// READY still stands. Its sample would be the first of the next run and shift every input by one, so
// time passes before READY is believed.
static void halt(void) {
  CLR(ADC_CS) = CS_START_MANY;
  uint32_t from = REG(TIMER_RAWL);
  while (REG(TIMER_RAWL) - from < SETTLE_TICKS) continue;
  while (!(REG(ADC_CS) & CS_READY)) continue;
  REG(DMA_INTE0) = 0;  // an abort may raise the interrupt once more (erratum RP2040-E13)
  REG(DMA_CTRL(0)) = DMA_CHAIN(0);
  REG(DMA_CTRL(1)) = DMA_CHAIN(1);
  REG(DMA_ABORT) = 3;
  while ((REG(DMA_CTRL(0)) | REG(DMA_CTRL(1))) & 1u << 24) continue;
  REG(DMA_INTS0) = 3;
}

void converter_start(uint32_t mask, uint32_t sample_counts) {
  inputs = mask;
  timing.counts_a_tick = CONVERTER_HZ / TICK_HZ;
  timing.sample_counts = sample_counts;
  timing.channels = tj_channels_of(mask);
  buffer.block = ROWS_A_BLOCK * timing.channels;
  buffer.ring = RING_WORDS;
  first_row = 0;
  lost = 0;
  go(clock_now() + 1);
}

void converter_stop(void) {
  halt();
  done = taken = 0;
}

// Finished blocks that the DMA is not yet writing over.
static uint32_t held(void) { return 2 * (RING_WORDS / buffer.block) - 1; }

int converter_has_block(void) { return done != taken; }

int converter_take(converter_block *b) {
  uint32_t behind = done - taken;
  if (behind == 0) return 0;
  if (behind > held()) {
    lost += (behind - held()) * ROWS_A_BLOCK;
    taken += behind - held();
  }
  uint64_t row = (uint64_t)taken * ROWS_A_BLOCK;
  uint32_t start = ((taken >> 1) * buffer.block) & (RING_WORDS - 1);
  *b = (converter_block){
      {ring[taken & 1], RING_WORDS - 1, start}, first_row + row, tj_tick_of_row(&timing, row)};
  taken++;
  return 1;
}

int converter_was_whole(void) {
  if (done - taken < held() && !(REG(ADC_FCS) & FCS_OVER)) return 1;
  lost += ROWS_A_BLOCK;
  return 0;
}

// Back in step after samples were lost before the DMA: channels must not slip against each other.
static void realign(void) {
  halt();
  uint64_t expected = converter_next_index();
  uint64_t row = tj_row_after(&timing, clock_now() + 20);
  uint64_t at = tj_tick_of_row(&timing, row);
  first_row += row;
  go(at);
  lost += (uint32_t)(first_row - expected);
}

// The count of blocks rests on an interrupt a block. A processor that was away for longer sees
// fewer, and would give later samples an earlier index: time says so.
static int is_out_of_step(void) {
  uint64_t now = clock_now();
  uint32_t in = done;
  if (in != finish_of) {
    finish_of = in;
    finish_at = tj_tick_of_row(&timing, (uint64_t)(in + 1) * ROWS_A_BLOCK);
  }
  return now > finish_at + LATE_TICKS;
}

uint32_t converter_rows_lost(void) {
  if (REG(ADC_FCS) & FCS_OVER || is_out_of_step()) realign();
  return lost;
}

uint64_t converter_next_index(void) { return first_row + (uint64_t)taken * ROWS_A_BLOCK; }

uint64_t converter_row_after(uint64_t tick) { return first_row + tj_row_after(&timing, tick); }

uint64_t converter_row_at_edge(uint64_t tick, const uint32_t write_address[2], uint32_t cs) {
  // Between arming the trigger and the first row, or in a pause whose rows are counted as lost.
  if (tick < timing.start_tick) return tj_row_before(&timing, first_row, tick);
  uint32_t offsets[2];
  // WRITE_ADDR is read less what is in flight, without regard to the ring: just after a wrap it may lie
  // before the ring (erratum RP2040-E12). Modulo the ring it is right.
  for (uint32_t c = 0; c < 2; c++)
    offsets[c] = (write_address[c] - (uint32_t)ring[c]) / 2 & (RING_WORDS - 1);
  uint64_t samples;
  tj_samples_at(&timing, buffer, tick, offsets, &samples);
  return first_row + tj_row_at_edge(&timing, samples, !(cs & CS_READY), tick);
}
