// What perf_event_open(2) allows on this machine, found by trying. Nothing stays open.
#ifndef TASKPERF_PROBE_H
#define TASKPERF_PROBE_H
#include "perf_open.h"

// What the page of a counter offers to readers in user space.
enum { PROBE_USER_READ = 1, PROBE_USER_TIME = 2 };

struct probe {
  int group;  // counters that fit one group: the first, then copies of the second
  int page;   // PROBE_* of the first
};

// Opens the first counter on the calling thread, and beside it as many of the second as the kernel takes (member NULL:
// none). 0, or the errno that refused the first.
int probe_counter(const struct perf_spec *first, const struct perf_spec *member, struct probe *found);
#endif
