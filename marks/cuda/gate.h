/*
 * Launches held back until the host opens a gate, so that their start is bracketed by the host's own clock
 * (docs/cuda.md, "Gates"). For calibration only: it serialises the program, and such waits can deadlock it.
 */
#ifndef TJC_GATE_H
#define TJC_GATE_H

#include <cuda.h>
#include <stdint.h>

/* 0 when the driver has what gates need. */
int tjc_gate_start(void);

/* Around a launch call into this stream, in its own thread; `correlation` is the launch's. */
void tjc_gate_close(CUcontext context, CUstream stream);
void tjc_gate_open(uint32_t correlation);

/* Gates that had to be opened before their launch call returned, and launches that went without one. */
extern uint64_t tjc_gates_forced, tjc_gates_missed;

#endif
