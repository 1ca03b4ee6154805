// Two ways, the cheaper first:
//
// - rseq (no permission needed). A thread may point the word rseq_cs at the description of a critical section. When the
//   kernel is about to return to a thread that it had taken off its core, or to deliver a signal to it, and finds it outside
//   of that section, it sets the word to 0. Ours is a section that is never entered, so the word is still set exactly as
//   long as the thread has kept its core (kernel/rseq.c, rseq_ip_fixup). Somebody else's critical section overwrites the
//   word: that reads as "perhaps", too. From Linux 6.19 on a kernel may leave the word alone when the thread gave up its
//   core in a system call; there it is of no use, which is found out by trying.
// - the page of a perf task-clock event: its `lock` word changes when the thread is scheduled in. The kernel then switches
//   a perf event with the thread each time, which cost 1 to 3 us a request of a server that blocks in between.
//
// Tried on Linux 6.18 beside three busy loops: of 381 changes of the perf page, all were seen through rseq.
#define _GNU_SOURCE
#include "preemption.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

// As in linux/rseq.h, which old systems lack.
struct rseq_area {
  uint32_t cpu_id_start, cpu_id;
  uint64_t rseq_cs;
  uint32_t flags, node_id, mm_cid, padding;
} __attribute__((aligned(32)));
struct rseq_section {
  uint32_t version, flags;
  uint64_t start_ip, post_commit_offset, abort_ip;
} __attribute__((aligned(32)));
_Static_assert(offsetof(struct rseq_area, rseq_cs) == 8 && sizeof(struct rseq_area) == 32, "the kernel's layout");
enum { RSEQ_UNREGISTER = 1 };

// The section that nobody enters. The kernel demands that the signature stands before the address to go to on abort.
#if defined(__x86_64__)
#define HAS_RSEQ 1
enum { SIGNATURE = 0x53053053 };
#define SECTION_CODE "ud2\n .long 0x53053053\n"
#define TRAP "ud2\n"
static char *thread_pointer(void) {
  char *pointer;
  __asm__("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}
#elif defined(__aarch64__)
#define HAS_RSEQ 1
enum { SIGNATURE = 0xd428bc00 };
#define SECTION_CODE "brk #0\n .inst 0xd428bc00\n"
#define TRAP "brk #0\n"
static char *thread_pointer(void) {
  char *pointer;
  __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
  return pointer;
}
#else
#define HAS_RSEQ 0
#endif

static bool is_set(const char *variable) {
  const char *value = getenv(variable);
  return value && *value == '1';
}

#if HAS_RSEQ
extern const char taskperf_section_start[] __attribute__((visibility("hidden")));
extern const char taskperf_section_end[] __attribute__((visibility("hidden")));
extern const char taskperf_section_abort[] __attribute__((visibility("hidden")));
__asm__(
    ".pushsection .text\n .balign 16\n"
    ".hidden taskperf_section_start\n .globl taskperf_section_start\n taskperf_section_start: nop\n"
    ".hidden taskperf_section_end\n .globl taskperf_section_end\n taskperf_section_end: " SECTION_CODE
    ".hidden taskperf_section_abort\n .globl taskperf_section_abort\n taskperf_section_abort: " TRAP ".popsection\n");

static struct rseq_section section;
static _Thread_local struct rseq_area own_area;

static uint64_t section_address(void) { return (uint64_t)(uintptr_t)&section; }

// The area that the C library has registered for this thread (glibc 2.35), or one of our own where it has none.
static volatile uint64_t *find_word(bool *registered) {
  const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
  const unsigned *size = dlsym(RTLD_DEFAULT, "__rseq_size");
  if (offset && size && *size > 0) return &((struct rseq_area *)(thread_pointer() + *offset))->rseq_cs;
  if (syscall(SYS_rseq, &own_area, sizeof own_area, 0, SIGNATURE)) return NULL;
  *registered = true;
  return &own_area.rseq_cs;
}

// Gives up the core in a system call; false when that turned out not to happen.
static bool give_up_core(void) {
  struct rusage before, after;
  for (int attempt = 0; attempt < 10; attempt++) {
    getrusage(RUSAGE_THREAD, &before);
    syscall(SYS_nanosleep, &(struct timespec){0, 1000}, NULL);
    getrusage(RUSAGE_THREAD, &after);
    if (after.ru_nvcsw > before.ru_nvcsw) return true;
  }
  return false;
}

// Detect by trying, more than once: being preempted at that moment would clear the word on any kernel.
static bool is_cleared_by_blocking(struct preemption *p) {
  for (int trial = 0; trial < 3; trial++) {
    *p->critical_section = section_address();
    if (!give_up_core() || *p->critical_section == section_address()) return false;
  }
  return true;
}

static bool open_rseq(struct preemption *p) {
  if (is_set("TASKPERF_NO_RSEQ")) return false;
  section.start_ip = (uint64_t)(uintptr_t)taskperf_section_start;
  section.post_commit_offset = (uint64_t)(taskperf_section_end - taskperf_section_start);
  section.abort_ip = (uint64_t)(uintptr_t)taskperf_section_abort;
  p->critical_section = find_word(&p->registered);
  if (!p->critical_section) return false;
  p->watch = WATCH_RSEQ;
  if (is_cleared_by_blocking(p)) return true;
  preemption_close(p);
  return false;
}

static void close_rseq(struct preemption *p) {
  // The word must not point into this library when that is unloaded.
  if (*p->critical_section == section_address()) *p->critical_section = 0;
  if (p->registered) syscall(SYS_rseq, &own_area, sizeof own_area, RSEQ_UNREGISTER, SIGNATURE);
  p->critical_section = NULL;
  p->registered = false;
}

static bool seen_rseq(struct preemption *p) {
  if (*p->critical_section == section_address()) return false;
  *p->critical_section = section_address();
  return true;
}
#else
static bool open_rseq(struct preemption *p) { return (void)p, false; }
static void close_rseq(struct preemption *p) { (void)p; }
static bool seen_rseq(struct preemption *p) { return (void)p, false; }
#endif

static int open_perf(struct preemption *p) {
  if (is_set("TASKPERF_NO_PERF")) return EACCES;
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_TASK_CLOCK;
  attr.exclude_kernel = 1;  // what an unprivileged process may open at perf_event_paranoid 2; the page is the same
  attr.exclude_hv = 1;
  p->fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (p->fd < 0) return errno;
  void *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, p->fd, 0);
  if (page == MAP_FAILED) {
    int error = errno;
    close(p->fd);
    p->fd = -1;
    return error;
  }
  p->page = page;
  p->watch = WATCH_PERF;
  return 0;
}

static bool seen_perf(struct preemption *p) {
  uint32_t lock = __atomic_load_n(&p->page->lock, __ATOMIC_ACQUIRE);
  if (lock == p->seen_lock) return false;
  p->seen_lock = lock;
  return true;
}

int preemption_open(struct preemption *p) {
  memset(p, 0, sizeof *p);
  p->fd = -1;
  // TASKPERF_NO_RSEQ=1, TASKPERF_NO_PERF=1: as if the kernel refused, for the tests and for comparisons.
  return open_rseq(p) ? 0 : open_perf(p);
}

void preemption_close(struct preemption *p) {
  if (p->watch == WATCH_RSEQ) close_rseq(p);
  if (p->page) munmap(p->page, PAGE_BYTES);
  if (p->fd >= 0) close(p->fd);
  p->page = NULL;
  p->fd = -1;
  p->watch = WATCH_NONE;
}

bool preemption_seen(struct preemption *p) {
  if (p->watch == WATCH_RSEQ) return seen_rseq(p);
  return p->watch == WATCH_PERF && seen_perf(p);
}
