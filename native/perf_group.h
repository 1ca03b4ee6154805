// The kernel's counters of the calling thread, in groups that are on the PMU together or not at all.
#ifndef TASKPERF_PERF_GROUP_H
#define TASKPERF_PERF_GROUP_H
#include <stdbool.h>
#include <stdint.h>

#include "perf_open.h"

struct perf_event_mmap_page;

enum { PERF_GROUPS_MAX = 24, PERF_EVENTS_MAX = 25 };

struct perf_counter {
  int fd;
  uint64_t id;                        // the kernel's: tells whether the descriptor is still ours
  struct perf_event_mmap_page *page;  // NULL: only read(2) tells
  uint64_t start, value;              // at the time of adding; since then, at the last reading
};

struct perf_group {
  int first, count;    // its counters
  bool user_readable;  // all of them may be read without a system call, whenever they are on the PMU
  int failed;          // errno of the reading that failed: the values have stood still since. 0 = none has
  uint64_t missed, enabled;  // the kernel's times, at the last change of `missed` and at the last read(2)
  double cpu_ns;             // the thread's, at that read(2)
  double missed_ns;
};

// Embedded in its owner and zeroed to start with. All that follows must run on the thread that added.
struct perf_groups {
  int groups, events;
  double cpu_ns;   // the thread's, at the last reading
  uint64_t reads;  // read(2) calls since the start
  struct perf_group group[PERF_GROUPS_MAX];
  struct perf_counter counter[PERF_EVENTS_MAX];
};

// Adds `count` counters as one kernel group, from 0. 0, or an errno: then nothing was added, and *failed is the index
// of the spec that the kernel refused. ENOSPC: the table is full.
int perf_group_add(struct perf_groups *all, const struct perf_spec *specs, int count, int *failed);
// All values in the order of adding, and per group how much of the thread's CPU time the group was not on the PMU. Neither
// ever goes back. `cpu_ns` is the thread's CPU time now: value * cpu / (cpu - missed) is the value of the whole time.
void perf_groups_read(struct perf_groups *all, double cpu_ns, double *values, double *missed_ns);
// Undoes the last perf_group_add.
void perf_groups_remove_last(struct perf_groups *all);
void perf_groups_close(struct perf_groups *all);

static inline int perf_groups_count(const struct perf_groups *all) { return all->groups; }
static inline int perf_groups_events(const struct perf_groups *all) { return all->events; }
static inline bool perf_group_user_readable(const struct perf_groups *all, int group) {
  return all->group[group].user_readable;
}
static inline int perf_group_failed(const struct perf_groups *all, int group) { return all->group[group].failed; }
#endif
