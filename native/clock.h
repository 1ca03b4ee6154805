// The thread's two clocks: wall (CLOCK_MONOTONIC) and exact CPU time without a syscall per reading.
#ifndef TASKPERF_CLOCK_H
#define TASKPERF_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

struct perf_event_mmap_page;

struct clock_state {
  int fd;                              // perf task-clock event of this thread, -1 without permission
  struct perf_event_mmap_page *page;   // its page; the `lock` word changes when the thread was rescheduled
  uint32_t seen_lock;
  bool resync;                         // ask the kernel at the next reading
  int64_t base_wall, base_cpu;         // at the last resync
  int64_t last_cpu;                    // readings never go back
  int64_t resyncs;
};

// Opens the perf event for the calling thread. 0, or the errno: then the clock still works, estimated.
int clock_open(struct clock_state *clock);
void clock_close(struct clock_state *clock);
// Reads both clocks in nanoseconds. Must run on the thread that opened the clock.
void clock_read(struct clock_state *clock, int64_t *wall, int64_t *cpu);
int64_t clock_thread_cpu(void);
#endif
