// A software event will do: the kernel says the same of the page of every event.
#define _GNU_SOURCE
#include "probe.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include "perf_open.h"

bool probe_user_time(void) {
  const struct perf_spec task_clock = {
      .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = true};
  int fd;
  if (perf_open_on(&task_clock, 0, false, false, &fd)) return false;
  size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
  struct perf_event_mmap_page *page = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
  bool offered = page != MAP_FAILED && page->cap_user_time;
  if (page != MAP_FAILED) munmap(page, bytes);
  close(fd);
  return offered;
}
