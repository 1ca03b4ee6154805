// Has the kernel taken this thread off its core since it was last asked? Answered without a system call.
#ifndef TASKPERF_PREEMPTION_H
#define TASKPERF_PREEMPTION_H
#include <stdbool.h>
#include <stdint.h>

struct perf_event_mmap_page;

// How it is seen; the numbers are what addon.c tells JavaScript.
enum watch { WATCH_NONE = 0, WATCH_RSEQ = 1, WATCH_PERF = 2 };

struct preemption {
  enum watch watch;
  volatile uint64_t *critical_section;  // WATCH_RSEQ: the thread's rseq_cs word
  bool registered;                      // the rseq area is ours, not the C library's
  int fd;                               // WATCH_PERF: a task-clock event of this thread, else -1
  struct perf_event_mmap_page *page;    // its page
  uint32_t seen_lock;
};

// Starts watching the calling thread. 0, or the errno of perf_event_open when neither way is open to it (WATCH_NONE).
int preemption_open(struct preemption *p);
// Must run on the thread that opened it.
void preemption_close(struct preemption *p);
// true: it was off its core, perhaps, since the last call. Never a false "no"; always "no" with WATCH_NONE.
bool preemption_seen(struct preemption *p);
#endif
