// Exact CPU time of this thread at the price of a vDSO clock.
//
// The kernel changes the `lock` word of a perf event's mmap page whenever it schedules the thread (and with it the event)
// in again. While the word is unchanged the thread was not descheduled, so the wall clock's advance is CPU time. When it
// changed, one CLOCK_THREAD_CPUTIME_ID syscall tells the truth. Interrupt and hypervisor-steal time move no word but are
// not CPU time either, hence a resync at least every 10 ms.
//
// Without permission for perf_event_open the caller asks for a resync once per turn of the event loop instead
// (`resync`); in between the clock runs with the wall clock, and a reading never goes back: time counted too much is
// taken from the slices that follow. That is what "estimated" means.
#define _GNU_SOURCE
#include "clock.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RESYNC_EVERY_NS = 10 * 1000 * 1000, PAGE_BYTES = 4096 };

static int64_t read_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_thread_cpu(void) { return read_ns(CLOCK_THREAD_CPUTIME_ID); }

int clock_open(struct clock_state *clock) {
  memset(clock, 0, sizeof *clock);
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_TASK_CLOCK;
  attr.exclude_kernel = 1;  // what an unprivileged process may open at perf_event_paranoid 2; the page is the same
  attr.exclude_hv = 1;
  int error = 0;
  // TASKPERF_NO_PERF=1: as if the kernel refused, for machines where the event is not wanted, and for the tests.
  const char *refused = getenv("TASKPERF_NO_PERF");
  clock->fd = refused && *refused == '1'
                  ? (errno = EACCES, -1)
                  : (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (clock->fd < 0) {
    error = errno;
  } else {
    clock->page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, clock->fd, 0);
    if (clock->page == MAP_FAILED) {
      error = errno;
      clock->page = NULL;
      close(clock->fd);
      clock->fd = -1;
    }
  }
  clock->base_cpu = clock->last_cpu = read_ns(CLOCK_THREAD_CPUTIME_ID);
  clock->base_wall = read_ns(CLOCK_MONOTONIC);
  clock->resync = true;
  return error;
}

void clock_close(struct clock_state *clock) {
  if (clock->page) munmap(clock->page, PAGE_BYTES);
  if (clock->fd >= 0) close(clock->fd);
  clock->page = NULL;
  clock->fd = -1;
}

void clock_read(struct clock_state *clock, int64_t *wall, int64_t *cpu) {
  int64_t now = read_ns(CLOCK_MONOTONIC);
  bool stale = clock->resync || now - clock->base_wall > RESYNC_EVERY_NS;
  if (clock->page) {
    // Read after the clock: a reschedule between the two is then seen at this reading, not missed until the next.
    uint32_t lock = __atomic_load_n(&clock->page->lock, __ATOMIC_ACQUIRE);
    if (lock != clock->seen_lock) {
      clock->seen_lock = lock;
      stale = true;
    }
  }
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
