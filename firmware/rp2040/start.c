// From the second boot stage to main: copies the program to RAM, clears what begins as zero, points
// the vector table there. A fault or an interrupt nobody expects restarts the chip.
#include "clocks.h"
#include "handlers.h"
#include "regs.h"

extern uint32_t ram_start[], ram_end[], ram_load[], bss_start[], bss_end[], stack_top[];
int main(void);

static void lost(void) { watchdog_reset(); }

typedef void (*handler)(void);

typedef struct {
  uint32_t *stack;
  handler entry, exceptions[14], interrupts[26];
} vectors;

void reset(void);

#define FIVE_LOST lost, lost, lost, lost, lost

__attribute__((section(".ram_vectors"), used, aligned(256))) static const vectors ram_vectors = {
    stack_top,
    reset,
    {FIVE_LOST, FIVE_LOST, lost, lost, lost, lost},
    {
        on_timer,  // 0: IRQ_TIMER_0
        lost,
        lost,
        lost,
        lost,
        on_usb,  // 5: IRQ_USBCTRL
        FIVE_LOST,
        on_converter,  // 11: IRQ_DMA_0
        lost,
        on_alert,  // 13: IRQ_IO_BANK0
        FIVE_LOST,
        lost,
        lost,
        lost,
        lost,
        on_wire,  // 23: IRQ_I2C0
        lost,
        lost,
    }};

// Still in flash: calls nothing but main, through a pointer, since main is far away.
__attribute__((section(".reset"), noreturn, used)) void reset(void) {
  const uint32_t *from = ram_load;
  for (uint32_t *to = ram_start; to < ram_end;) *to++ = *from++;
  for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
  REG(SCB_VTOR) = (uint32_t)&ram_vectors;
  int (*volatile far_main)(void) = main;
  far_main();
  for (;;) continue;
}

__attribute__((section(".boot_vectors"), used)) static const struct {
  uint32_t *stack;
  handler entry;
} boot_vectors = {stack_top, reset};
