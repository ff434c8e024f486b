/* The GPU's clock against the host's. A thread of its own launches the ping kernel (ping_ptx.h) and writes
   what came of it as exchange slots: host before, GPU, host after. Bursts come soon after the first launch in
   a context, then only where launches happened since the last one: while the program waits for nothing it
   submitted, else at the longest every half second, and once at the end. An idle GPU is left alone. */
#ifndef TRUEJOULE_CUDA_PING_H
#define TRUEJOULE_CUDA_PING_H

#include <cuda.h>
#include <stdint.h>

/* Starts the thread. `flush` is called after each round, so that the bursts bracket what it delivers; `over` once,
   when the recorder has ended: then the thread ends too. `process` tells this process from others.
   Returns 0, or -1 when the driver's functions cannot be found. */
int tjc_ping_start(void (*flush)(void), void (*over)(void), uint32_t process);

/* A launch in this context is about to happen; never waits for a burst. Returns its correlation's owner: 1 for our own ping. */
int tjc_ping_launching(CUcontext context, uint32_t correlation);

/* The program has waited for its work. */
void tjc_ping_idle(void);

/* The context is about to go; waits for a burst in it (1 ms). */
void tjc_ping_forget(CUcontext context);

/* Last bursts; returns when they are done, or after a second. */
void tjc_ping_stop(void);

/* CUPTI's times of a ping kernel, on the host's clock as CUPTI maps it: exchanges that tie that map to ours. */
void tjc_ping_recorded(uint32_t correlation, uint64_t start_ns, uint64_t end_ns);

extern const char tjc_ping_kernel[];

/* Contexts that the ping kernel could not be made for: their kernels stay without bounds. */
extern uint64_t tjc_pings_refused;

/* "gpu:" and the PCI address of a device, as NVML has it; "gpu" when it cannot be had. Never fails. */
const char *tjc_clock_of(uint32_t device);

#endif
