// Erratum RP2040-E5: after a bus reset chips B0 and B1 wait for 800 µs without traffic before they listen,
// and behind a hub with busy devices there are none. They are made to see an idle line for a millisecond
// through GPIO 15, the only way in; that is the trigger's pin, whose pad and function come back as they
// were. A bus reset ends the run, so no edge is waited for meanwhile.
#pragma once
#include <stdint.h>

// The bus was reset.
void usb_connect_begin(void);
// To be called every millisecond or so.
void usb_connect_step(void);
