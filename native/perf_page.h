// A kernel counter read without a system call: through the page that the kernel shares, and the register that it names.
#ifndef TASKPERF_PERF_PAGE_H
#define TASKPERF_PERF_PAGE_H
#include <stdbool.h>
#include <stdint.h>

struct perf_event_attr;
struct perf_event_mmap_page;

// Asks in the attributes for what the processor needs so that the thread may read the counter itself; false where there is
// nothing to ask. A kernel may refuse the counter for it: open it then without.
bool page_ask(struct perf_event_attr *attr);
// Maps the page of a counter of the calling thread. NULL when the kernel lets nobody read this counter so.
struct perf_event_mmap_page *page_map(int fd);
void page_unmap(struct perf_event_mmap_page *page);
enum page_reading {
  PAGE_READ,
  PAGE_CHANGED,  // the thread was interrupted meanwhile, and the kernel has written: once more
  PAGE_REFUSED,  // not now: a read(2) tells
};
// The counter's value, and the ns that it was to count but was not on the PMU. Must run on the thread that the counter counts.
enum page_reading page_read(const struct perf_event_mmap_page *page, uint64_t *value, uint64_t *missed_ns);
#endif
