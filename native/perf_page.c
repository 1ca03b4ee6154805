// The kernel keeps a page per counter up to date: where the counter lives while the thread has its core (`index`, 0 =
// nowhere), and what has to be added to the register (`offset`), because the kernel folds registers into its own sum when
// they overflow or go to another counter. `lock` is a sequence number that changes whenever it writes. The thread is the
// only one to see its own page change: the kernel writes it on this core, while the thread is interrupted, so a retry is
// rare, and none is ever waiting for another thread.
//
//   value = offset + sign-extended register        missed = time_enabled - time_running, which stands still while index ≠ 0
//
// x86-64 and arm64 share all of it but the instruction. An administrator who forbids user reads while they go on (rdpmc of
// the PMU's folder, kernel.perf_user_access) makes that instruction a fault; perf's own library has the same limit.
#define _GNU_SOURCE
#include "perf_page.h"

#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
static bool has_register(uint32_t number) { return (void)number, true; }

static inline uint64_t read_register(uint32_t number) {
  uint32_t low, high;
  __asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(number));
  return low | (uint64_t)high << 32;
}

bool page_ask(struct perf_event_attr *attr) { return (void)attr, false; }
#elif defined(__aarch64__)
enum { CYCLE_COUNTER = 31 };  // the others are numbered from 0 on
// config1 of the processor's PMUs (armv8_pmuv3/format/rdpmc). Bit 0 would make the counter 64 bits wide: not asked for,
// because older processors have one such register and two counters of cycles would then take turns on it, while the kernel
// widens one of 32 bits by an interrupt every 2^31 counts.
enum { ASK_USER_ACCESS = 2 };

static bool has_register(uint32_t number) { return number <= CYCLE_COUNTER; }

#define REGISTER(n) \
  case n: __asm__ volatile("mrs %0, pmevcntr" #n "_el0" : "=r"(value)); break;
static inline uint64_t read_register(uint32_t number) {
  uint64_t value = 0;
  switch (number) {
    REGISTER(0) REGISTER(1) REGISTER(2) REGISTER(3) REGISTER(4) REGISTER(5) REGISTER(6) REGISTER(7)
    REGISTER(8) REGISTER(9) REGISTER(10) REGISTER(11) REGISTER(12) REGISTER(13) REGISTER(14) REGISTER(15)
    REGISTER(16) REGISTER(17) REGISTER(18) REGISTER(19) REGISTER(20) REGISTER(21) REGISTER(22) REGISTER(23)
    REGISTER(24) REGISTER(25) REGISTER(26) REGISTER(27) REGISTER(28) REGISTER(29) REGISTER(30)
    default: __asm__ volatile("mrs %0, pmccntr_el0" : "=r"(value));
  }
  return value;
}

bool page_ask(struct perf_event_attr *attr) {
  if (attr->type == PERF_TYPE_SOFTWARE || attr->type == PERF_TYPE_TRACEPOINT || attr->type == PERF_TYPE_BREAKPOINT)
    return false;  // no registers, and config1 means something else
  if (attr->config1 & ASK_USER_ACCESS) return false;
  attr->config1 |= ASK_USER_ACCESS;
  return true;
}
#else
static bool has_register(uint32_t number) { return (void)number, false; }
static inline uint64_t read_register(uint32_t number) { return (void)number, 0; }
bool page_ask(struct perf_event_attr *attr) { return (void)attr, false; }
#endif

struct perf_event_mmap_page *page_map(int fd) {
  size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
  struct perf_event_mmap_page *page = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return NULL;  // out of locked memory, say: read(2) serves as well
  if (page->cap_user_rdpmc) return page;
  munmap(page, bytes);
  return NULL;
}

void page_unmap(struct perf_event_mmap_page *page) { munmap(page, (size_t)sysconf(_SC_PAGESIZE)); }

// The register has `width` bits and counts up through zero, from a negative number on.
static int64_t sign_extended(uint64_t value, unsigned width) {
  if (width == 0 || width >= 64) return (int64_t)value;
  return (int64_t)(value << (64 - width)) >> (64 - width);
}

enum page_reading page_read(const struct perf_event_mmap_page *shared, uint64_t *value, uint64_t *missed_ns) {
  const volatile struct perf_event_mmap_page *page = shared;
  uint32_t lock = page->lock;
  // The kernel writes on this core, within an interrupt of this thread: keeping the compiler's order is enough.
  __asm__ volatile("" ::: "memory");
  uint32_t index = page->index;
  if (index == 0 || !page->cap_user_rdpmc || !has_register(index - 1)) return PAGE_REFUSED;
  *value = (uint64_t)(page->offset + sign_extended(read_register(index - 1), page->pmc_width));
  *missed_ns = page->time_enabled - page->time_running;
  __asm__ volatile("" ::: "memory");
  return page->lock == lock ? PAGE_READ : PAGE_CHANGED;
}
