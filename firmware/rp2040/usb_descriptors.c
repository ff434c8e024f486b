#include "usb_descriptors.h"

enum { DEVICE = 1, CONFIGURATION = 2, STRING = 3 };
enum { LANGUAGES, MAKER, PRODUCT, SERIAL };

// 1209:0001 is the id pid.codes keeps for trials; who a DAQ is, the handshake says (docs/wire.md).
static const uint8_t device[18] = {18,   DEVICE, 0x00, 0x02, 2,    0,     0,       64,     0x09,
                                   0x12, 0x01,   0x00, 0x00, 0x01, MAKER, PRODUCT, SERIAL, 1};

static const uint8_t configuration[67] = {
    9,
    CONFIGURATION,
    67,
    0,
    2,
    1,
    0,
    0x80,
    125,  // two interfaces, bus powered, 250 mA
    9,
    4,
    0,
    0,
    1,
    2,
    2,
    0,
    0,  // 0: CDC, abstract control model
    5,
    0x24,
    0x00,
    0x20,
    0x01,  // CDC 1.2
    5,
    0x24,
    0x01,
    0x00,
    1,  // no call management
    4,
    0x24,
    0x02,
    0x02,  // line coding and line state
    5,
    0x24,
    0x06,
    0,
    1,  // interface 0 with 1
    7,
    5,
    0x80 | EP_NOTIFY,
    3,
    8,
    0,
    16,
    9,
    4,
    1,
    0,
    2,
    10,
    0,
    0,
    0,  // 1: data
    7,
    5,
    EP_DATA,
    2,
    64,
    0,
    0,
    7,
    5,
    0x80 | EP_DATA,
    2,
    64,
    0,
    0,
};

static const uint8_t *string(const char *s, uint32_t *n) {
  static uint8_t out[2 + 2 * 31];
  uint32_t at = 2;
  for (; *s && at < sizeof out; at += 2) {
    out[at] = (uint8_t)*s++;
    out[at + 1] = 0;
  }
  out[0] = (uint8_t)at;
  out[1] = STRING;
  *n = at;
  return out;
}

static const uint8_t *text(uint32_t index, const char *serial, uint32_t *n) {
  static const uint8_t languages[4] = {4, STRING, 0x09, 0x04};  // English (US)
  *n = sizeof languages;
  switch (index) {
    case LANGUAGES: return languages;
    case MAKER: return string("truejoule", n);
    case PRODUCT: return string("truejoule DAQ", n);
    case SERIAL: return string(serial, n);
    default: return 0;
  }
}

const uint8_t *usb_descriptor(uint32_t type, uint32_t index, const char *serial, uint32_t *n) {
  if (type == STRING) return text(index, serial, n);
  if (index != 0) return 0;
  *n = type == DEVICE ? sizeof device : sizeof configuration;
  if (type == DEVICE) return device;
  // Anything else is refused, the device qualifier too: this device knows full speed only.
  return type == CONFIGURATION ? configuration : 0;
}
