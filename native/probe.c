// A group that cannot be on the PMU together is refused when its last member is opened (EINVAL), so the size at which
// that happens is the number of registers that a program can have: what a hypervisor or the kernel's own watchdog keeps for
// itself is not among them.
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include "perf_page.h"

// Software events need no register: every group of them fits.
enum { GROUP_MAX = 32 };

static int page_bits(int fd) {
  size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
  struct perf_event_mmap_page *page = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return 0;
  int bits = (page->cap_user_rdpmc ? PROBE_USER_READ : 0) | (page->cap_user_time ? PROBE_USER_TIME : 0);
  munmap(page, bytes);
  return bits;
}

static int open_in_group(const struct perf_spec *spec, int leader, int *fd) {
  struct perf_event_attr attr;
  perf_fill(&attr, spec);
  attr.disabled = leader < 0;
  if (page_ask(&attr) && perf_open_attr(&attr, 0, leader, fd) == 0) return 0;
  attr.config1 = spec->config1;
  return perf_open_attr(&attr, 0, leader, fd);
}

int probe_counter(const struct perf_spec *first, const struct perf_spec *member, struct probe *found) {
  int fds[GROUP_MAX];
  int error = open_in_group(first, -1, &fds[0]);
  if (error) return error;
  found->page = page_bits(fds[0]);
  int count = 1;
  while (member && count < GROUP_MAX && open_in_group(member, fds[0], &fds[count]) == 0) count++;
  found->group = count;
  while (count > 0) close(fds[--count]);
  return 0;
}
