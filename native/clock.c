// Exact CPU time of this thread at the price of a vDSO clock.
//
// While the kernel has left the thread on its core (preemption.c), the wall clock's advance is CPU time. When it has not,
// one CLOCK_THREAD_CPUTIME_ID syscall tells the truth. Interrupt and hypervisor-steal time show nowhere but are not CPU
// time either, hence a resync at least every 2 ms.
//
// Where preemption is not seen the caller asks for a resync once per turn of the event loop instead (`resync`); in
// between the clock runs with the wall clock, and a reading never goes back: time counted too much is taken from the
// slices that follow. That is what "estimated" means.
#define _GNU_SOURCE
#include "clock.h"

#include <string.h>
#include <time.h>

// What a slice may be off by when a hypervisor has stolen time in it; a call costs 0.5-0.9 us.
enum { RESYNC_EVERY_NS = 2 * 1000 * 1000 };

static int64_t read_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_thread_cpu(void) { return read_ns(CLOCK_THREAD_CPUTIME_ID); }

int clock_open(struct clock_state *clock) {
  memset(clock, 0, sizeof *clock);
  int error = preemption_open(&clock->preemption);
  clock->base_cpu = clock->last_cpu = read_ns(CLOCK_THREAD_CPUTIME_ID);
  clock->base_wall = read_ns(CLOCK_MONOTONIC);
  clock->resync = true;
  return error;
}

void clock_close(struct clock_state *clock) { preemption_close(&clock->preemption); }

bool clock_is_estimated(const struct clock_state *clock) { return clock->preemption.watch == WATCH_NONE; }

void clock_read(struct clock_state *clock, int64_t *wall, int64_t *cpu) {
  int64_t now = read_ns(CLOCK_MONOTONIC);
  // Asked after the clock: a reschedule between the two is then seen at this reading, not missed until the next.
  bool stale = preemption_seen(&clock->preemption) || clock->resync || now - clock->base_wall > RESYNC_EVERY_NS;
  if (stale) {
    clock->resync = false;
    clock->resyncs++;
    clock->base_cpu = read_ns(CLOCK_THREAD_CPUTIME_ID);
    clock->base_wall = now = read_ns(CLOCK_MONOTONIC);
  }
  int64_t value = clock->base_cpu + (now - clock->base_wall);
  if (value < clock->last_cpu) value = clock->last_cpu;
  clock->last_cpu = value;
  *wall = now;
  *cpu = value;
}
