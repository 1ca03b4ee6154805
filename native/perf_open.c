// Every counter tells its times, so that a reader can scale a value that the kernel could count only part of the time; those
// of the processor leave a hypervisor's share out. No policy: who is refused kernel rights asks again without them.
#define _GNU_SOURCE
#include "perf_open.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void perf_fill(struct perf_event_attr *attr, const struct perf_spec *spec) {
  memset(attr, 0, sizeof *attr);
  attr->size = sizeof *attr;
  attr->type = spec->type;
  attr->config = spec->config;
  attr->config1 = spec->config1;
  attr->config2 = spec->config2;
  attr->exclude_user = spec->exclude_user;
  attr->exclude_kernel = spec->exclude_kernel;
  // Where nothing is to be left out, PMUs of their own kind (msr) refuse to leave out anything.
  attr->exclude_hv = spec->type < PERF_TYPE_MAX || spec->exclude_user || spec->exclude_kernel;
  attr->read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
}

int perf_open_attr(struct perf_event_attr *attr, pid_t tid, int group, int *fd) {
  *fd = -1;
  // TASKPERF_NO_PERF=1: as if the kernel refused, for the tests and for comparisons.
  const char *refused = getenv("TASKPERF_NO_PERF");
  if (refused && *refused == '1') return EACCES;
  *fd = (int)syscall(SYS_perf_event_open, attr, tid, -1, group, PERF_FLAG_FD_CLOEXEC);
  return *fd < 0 ? errno : 0;
}

int perf_open_on(const struct perf_spec *spec, pid_t tid, bool inherit, bool enable_on_exec, int *fd) {
  struct perf_event_attr attr;
  perf_fill(&attr, spec);
  attr.inherit = inherit;
  attr.disabled = enable_on_exec;
  attr.enable_on_exec = enable_on_exec;
  return perf_open_attr(&attr, tid, -1, fd);
}

int perf_read_fd(int fd, uint64_t *value, uint64_t *enabled, uint64_t *running) {
  uint64_t words[3];
  ssize_t bytes = read(fd, words, sizeof words);
  if (bytes != (ssize_t)sizeof words) return bytes < 0 ? errno : ENODATA;
  *value = words[0];
  *enabled = words[1];
  *running = words[2];
  return 0;
}
