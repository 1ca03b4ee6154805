// The thread's two clocks: wall (CLOCK_MONOTONIC) and exact CPU time without a syscall per reading.
#ifndef TASKPERF_CLOCK_H
#define TASKPERF_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

#include "preemption.h"

struct clock_state {
  struct preemption preemption;
  bool resync;                  // ask the kernel at the next reading
  int64_t base_wall, base_cpu;  // at the last resync
  int64_t last_cpu;             // readings never go back
  int64_t resyncs;
};

// Starts the clock of the calling thread. 0, or an errno: then the clock still works, estimated.
int clock_open(struct clock_state *clock);
void clock_close(struct clock_state *clock);
// Reads both clocks in nanoseconds. Must run on the thread that opened the clock.
void clock_read(struct clock_state *clock, int64_t *wall, int64_t *cpu);
// true: preemption is not seen, so the owner must ask for a resync once per turn of its loop.
bool clock_is_estimated(const struct clock_state *clock);
int64_t clock_thread_cpu(void);
#endif
