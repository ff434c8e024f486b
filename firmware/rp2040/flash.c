#include "flash.h"

#include "bytes.h"
#include "clocks.h"
#include "crc32.h"
#include "device.h"
#include "regs.h"

// Functions of the ROM, by the two letters of their names (2.8.3.1.3).
#define ROM(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)

static uintptr_t rom_function(uint32_t name) {
  // A table of name and address, 16 bits each, at the address that stands at 14h (2.8.3). The
  // pointer is volatile, or the compiler takes an address this low for a mistake.
  const volatile uint16_t *volatile root = (const volatile uint16_t *)0x14;
  const volatile uint16_t *entry = (const volatile uint16_t *)(uintptr_t)*root;
  for (; entry[0]; entry += 2)
    if (entry[0] == name) return entry[1];
  return 0;
}

static void call0(uint32_t name) { ((void (*)(void))rom_function(name))(); }

static void leave_flash(void) {
  irq_off();
  call0(ROM('I', 'F'));  // connect_internal_flash
  call0(ROM('E', 'X'));  // flash_exit_xip
}

static void enter_flash(void) {
  call0(ROM('F', 'C'));  // flash_flush_cache
  call0(ROM('C', 'X'));  // flash_enter_cmd_xip: plain reads, as boot2.S sets them
  irq_on();
}

static void select_chip(int on) {
  REG(QSPI_SS_CTRL) = (on ? 2u : 3u) << 8;  // output override: low, high (2.19.6.2)
  (void)REG(QSPI_SS_CTRL);
}

static uint8_t exchange(uint8_t out) {
  REG(SSI_DR0) = out;
  while (!(REG(SSI_SR) & 1 << 3)) continue;  // RFNE
  return (uint8_t)REG(SSI_DR0);
}

enum { READ_UNIQUE_ID = 0x4b, DUMMY_BYTES = 4, ID_BYTES = 8 };

int flash_unique_id(char text[17]) {
  uint8_t all = 0, none = 0xff;
  leave_flash();
  select_chip(1);
  exchange(READ_UNIQUE_ID);
  for (uint32_t i = 0; i < DUMMY_BYTES; i++) exchange(0);
  for (uint32_t i = 0; i < ID_BYTES; i++) {
    uint8_t b = exchange(0);
    all |= b;
    none &= b;
    text[2 * i] = "0123456789ABCDEF"[b >> 4];
    text[2 * i + 1] = "0123456789ABCDEF"[b & 15];
  }
  text[16] = 0;
  select_chip(0);
  REG(QSPI_SS_CTRL) = 0;
  enter_flash();
  return all != 0 && none != 0xff;
}

// The last two sectors of the 2 MB that every board has: magic, length, CRC, text.
enum { KEPT_AT = 2048 * 1024 - 8192, SECTOR = 4096, PAGE = 256, HEAD = 12 };
enum { BLOCK_BYTES = 65536, ERASE_BLOCK = 0xd8 };  // for the ROM, where a whole block is erased
static const uint32_t MAGIC = 0x4c434a54;  // "TJCL"
static const uint8_t *const kept = (const uint8_t *)0x10000000 + KEPT_AT;

const uint8_t *flash_calibration(uint32_t *n) {
  uint32_t length = tj_get32(kept + 4);
  int good = tj_get32(kept) == MAGIC && length <= TJ_MAX_CALIBRATION &&
             tj_crc32(kept + HEAD, length) == tj_get32(kept + 8);
  *n = good ? length : 0;
  return kept + HEAD;
}

typedef void (*range_erase)(uint32_t at, uint32_t n, uint32_t block, uint8_t command);
typedef void (*range_program)(uint32_t at, const uint8_t *data, uint32_t n);

// A sector at a time: each takes up to 0.4 s (W25Q16JV, AC characteristics), and the watchdog waits for one second.
static void erase(uint32_t bytes) {
  for (uint32_t at = 0; at < bytes; at += SECTOR) {
    ((range_erase)rom_function(ROM('R', 'E')))(KEPT_AT + at, SECTOR, BLOCK_BYTES, ERASE_BLOCK);
    watchdog_feed();
  }
}

int flash_store_calibration(const uint8_t *text, uint32_t n) {
  static uint8_t pages[(HEAD + TJ_MAX_CALIBRATION + PAGE - 1) / PAGE * PAGE];
  tj_put32(pages, MAGIC);
  tj_put32(pages + 4, n);
  tj_put32(pages + 8, tj_crc32(text, n));
  tj_copy(pages + HEAD, text, n);
  watchdog_feed();
  leave_flash();
  erase(HEAD + n);
  ((range_program)rom_function(ROM('R', 'P')))(KEPT_AT, pages, (HEAD + n + PAGE - 1) / PAGE * PAGE);
  enter_flash();
  uint32_t read;
  flash_calibration(&read);
  return read == n && tj_get32(kept + 8) == tj_get32(pages + 8);
}

void rom_bootloader(void) {
  typedef void (*to_usb_boot)(uint32_t led_mask, uint32_t disabled_interfaces);
  ((to_usb_boot)rom_function(ROM('U', 'B')))(0, 0);
}
