// One kernel counter: perf_event_open(2) with what all of ours have in common, and its reading by read(2).
#ifndef TASKPERF_PERF_OPEN_H
#define TASKPERF_PERF_OPEN_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_event_attr;

// What is counted: the words of perf_event_attr that a name of an event resolves to.
struct perf_spec {
  uint32_t type;
  uint64_t config, config1, config2;
  bool exclude_user, exclude_kernel;
};

// Fills what every counter of ours has in common with what this one counts.
void perf_fill(struct perf_event_attr *attr, const struct perf_spec *spec);
// The system call, closed on exec. tid 0 is the calling thread, group -1 none. 0, or an errno: then *fd is -1.
int perf_open_attr(struct perf_event_attr *attr, pid_t tid, int group, int *fd);
// A counter by itself on another thread. `inherit`: the threads and processes that it starts from now on count into it,
// too. `enable_on_exec`: it counts from the thread's next execve on, not from now on.
int perf_open_on(const struct perf_spec *spec, pid_t tid, bool inherit, bool enable_on_exec, int *fd);
// Value, and the ns that the counter was to count and that it was on the PMU. 0, or an errno: ENODATA when the kernel
// says that the counter is in an error state. A counter whose thread has ended keeps its value.
int perf_read_fd(int fd, uint64_t *value, uint64_t *enabled, uint64_t *running);
#endif
