// USB device, full speed, one CDC-ACM function (RP2040 datasheet, 4.1; USB 2.0, 9; CDC 1.2;
// PSTN 1.2). Out: bytes through a ring that the interrupt empties, 64 at a time. In: packets with
// the tick at which they came; when nobody takes them, the host is told to wait. Holds: no copy of
// a byte is lost inside.
#pragma once
#include <stdint.h>

// 86 ms of the fastest stream. A power of two.
#ifndef USB_RING_BYTES
#define USB_RING_BYTES 65536u
#endif

enum { USB_PACKET = 64 };

typedef struct {
  uint64_t tick;
  uint32_t n;
  uint8_t bytes[USB_PACKET];
} usb_packet;

// `serial` becomes the device's serial number and must last.
void usb_start(const char *serial);
// Takes the device off the bus.
void usb_stop(void);
// To be called from the main loop, every millisecond or so: chip errata, and a way out of a controller
// that hangs.
void usb_tend(uint64_t now);

// DTR fell or the bus was reset since the last call: what was to be sent is gone, and so are packets
// from before. Not while a packet is in use.
int usb_was_closed(void);

uint32_t usb_room(void);
// Whole words, from a multiple of 4. The caller has seen to the room.
void usb_write(const uint8_t *frame, uint32_t bytes);
// Whether bytes wait, and the tick at which the host last took some (or the first began to wait).
int usb_is_waiting(uint64_t *last_taken);

// The oldest packet, or none. It stays until usb_release.
const usb_packet *usb_received(void);
void usb_release(void);
