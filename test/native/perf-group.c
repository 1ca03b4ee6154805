// What perf_group.c promises, tried on the kernel: `perf-group SCENARIO` prints one JSON object, perf-group.test.ts judges.
// Counted code is a loop of known length in instructions, and pages of known number.
#define _GNU_SOURCE
#include "../../native/perf_group.h"

#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 1000, SLEEPS = 10, READINGS = 200000, TOGETHER_READINGS = 3000000 };

static struct perf_groups groups;
static double values[PERF_EVENTS_MAX], missed[PERF_GROUPS_MAX];

static const struct perf_spec page_faults = {.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_PAGE_FAULTS};
static const struct perf_spec context_switches = {.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CONTEXT_SWITCHES};
static const struct perf_spec migrations = {.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_MIGRATIONS};
static const struct perf_spec task_clock = {.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_TASK_CLOCK};
static const struct perf_spec nonsense = {.type = PERF_TYPE_SOFTWARE, .config = 12345};
static const struct perf_spec cycles = {.type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_CPU_CYCLES};
static const struct perf_spec instructions = {
    .type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_kernel = true};

// Two instructions a round, on both processors.
static void spin(uint64_t rounds) {
#if defined(__x86_64__)
  __asm__ volatile("1: dec %0\n jnz 1b" : "+r"(rounds) : : "cc");
#elif defined(__aarch64__)
  __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(rounds) : : "cc");
#else
  for (volatile uint64_t i = 0; i < rounds; i++) continue;
#endif
}

static void touch_pages(int count) {
  size_t bytes = (size_t)count * (size_t)sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  for (int i = 0; i < count; i++) memory[(size_t)i * (size_t)sysconf(_SC_PAGESIZE)] = 1;
  munmap(memory, bytes);
}

static double ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void read_all(void) { perf_groups_read(&groups, ns(CLOCK_THREAD_CPUTIME_ID), values, missed); }

// The lowest free descriptor tells whether one has been left open.
static int free_fd(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}

static void add(const struct perf_spec *specs, int count) {
  int failed, error = perf_group_add(&groups, specs, count, &failed);
  if (!error) return;
  printf("{\"errno\": %d, \"failed\": %d}\n", error, failed);
  exit(0);
}

static void print_array(const char *name, const double *numbers, int count) {
  printf("\"%s\": [", name);
  for (int i = 0; i < count; i++) printf("%s%.0f", i ? ", " : "", numbers[i]);
  printf("]");
}

static void print_reading(void) {
  printf("{");
  print_array("values", values, perf_groups_events(&groups));
  printf(", ");
  print_array("missed", missed, perf_groups_count(&groups));
  printf(", \"reads\": %llu, \"readable\": %d, \"errno\": %d}\n", (unsigned long long)groups.reads,
         perf_group_user_readable(&groups, 0), perf_group_failed(&groups, 0));
}

static void counts(void) {
  add((struct perf_spec[]){page_faults, context_switches, migrations, task_clock}, 4);
  read_all();
  double cpu = ns(CLOCK_THREAD_CPUTIME_ID), at_start[4];
  memcpy(at_start, values, sizeof at_start);
  touch_pages(PAGES);
  for (int i = 0; i < SLEEPS; i++) usleep(1000);
  spin(10 * 1000 * 1000);
  read_all();
  cpu = ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
  printf("{\"cpu\": %.0f, \"pages\": %d, \"sleeps\": %d, ", cpu, PAGES, SLEEPS);
  print_array("before", at_start, 4);
  printf(", \"reading\": ");
  print_reading();
  printf("}\n");
}

static void refused(void) {
  int before = free_fd(), failed;
  add(&page_faults, 1);
  int error = perf_group_add(&groups, (struct perf_spec[]){page_faults, task_clock, nonsense}, 3, &failed);
  int events = perf_groups_events(&groups);
  perf_groups_close(&groups);
  printf("{\"errno\": %d, \"failed\": %d, \"events\": %d, \"leaked\": %d}\n", error, failed, events,
         free_fd() - before);
}

static void full(void) {
  int error = 0, failed, added = 0, before = free_fd();
  while (!(error = perf_group_add(&groups, &page_faults, 1, &failed))) added++;
  touch_pages(PAGES);
  read_all();
  printf("{\"added\": %d, \"errno\": %d, ", added, error);
  print_array("values", values, added);
  perf_groups_close(&groups);
  printf(", \"leaked\": %d}\n", free_fd() - before);
}

// As when the PMU has gone: the file does not answer any more.
static void lost(void) {
  add(&page_faults, 1);
  add((struct perf_spec[]){page_faults, task_clock}, 2);
  touch_pages(PAGES);
  read_all();
  printf("{\"before\": ");
  print_reading();
  close(groups.counter[0].fd);
  touch_pages(PAGES);
  read_all();
  printf(", \"after\": ");
  print_reading();
  printf(", \"other\": %d}\n", perf_group_failed(&groups, 1));
}

// Every reading is at least the one before, whichever way it is taken.
static void monotonic(const struct perf_spec *specs, int count) {
  add(specs, count);
  bool readable = perf_group_user_readable(&groups, 0);
  double last[PERF_EVENTS_MAX] = {0};
  uint64_t backwards = 0;
  for (int i = 0; i < READINGS; i++) {
    if (readable && i % 16 == 0) groups.group[0].user_readable = i % 32 == 0;
    for (int e = 0; e < count; e++) groups.counter[e].value = 0;  // so that nothing is mended
    read_all();
    for (int e = 0; e < count; e++) {
      backwards += values[e] < last[e];
      last[e] = values[e];
    }
  }
  groups.group[0].user_readable = readable;
  uint64_t reads = groups.reads;
  double began = ns(CLOCK_MONOTONIC);
  for (int i = 0; i < READINGS; i++) perf_groups_read(&groups, (double)i, values, missed);
  double each = (ns(CLOCK_MONOTONIC) - began) / READINGS;
  printf("{\"backwards\": %llu, \"reads\": %.3f, \"ns\": %.1f, \"readable\": %d}\n", (unsigned long long)backwards,
         (double)(groups.reads - reads) / READINGS, each, readable);
}

static void overhead(void) { monotonic((struct perf_spec[]){page_faults, context_switches}, 2); }
static void user_reads(void) { monotonic((struct perf_spec[]){cycles, instructions}, 2); }

// The same stretch of a loop, by both ways.
static void agree(void) {
  uint64_t rounds = 1000 * 1000;
  add((struct perf_spec[]){instructions, cycles}, 2);
  bool readable = perf_group_user_readable(&groups, 0);
  printf("{\"readable\": %d, \"expected\": %llu, ", readable, (unsigned long long)(2 * rounds));
  for (int way = 0; way < 2; way++) {
    double counted[20];
    groups.group[0].user_readable = readable && way == 0;
    for (int i = 0; i < 20; i++) {
      read_all();
      double before = values[0];
      spin(rounds);
      read_all();
      counted[i] = values[0] - before;
    }
    print_array(way == 0 ? "user" : "read", counted, 20);
    printf(way == 0 ? ", " : "}\n");
  }
}

static long preemptions(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

// Counters of a group are read at one moment, also while the thread is interrupted all the time: where every instruction is
// one cycle, each reading finds them as far apart as the first.
static void together(void) {
  struct perf_spec user_cycles = cycles;
  user_cycles.exclude_kernel = true;
  add((struct perf_spec[]){user_cycles, instructions}, 2);
  pid_t other = fork();
  if (other == 0)
    for (;;) spin(1000);
  read_all();  // by the kernel
  read_all();
  double apart = values[0] - values[1];
  long before = preemptions(), different = 0;
  for (int i = 0; i < TOGETHER_READINGS; i++) {
    spin(1 + (uint64_t)i * 7919 % 31);  // lest it keeps in step with the timer
    perf_groups_read(&groups, (double)i, values, missed);
    different += values[0] - values[1] != apart;
  }
  printf("{\"readable\": %d, \"different\": %ld, \"preemptions\": %ld, \"reads\": %llu}\n",
         perf_group_user_readable(&groups, 0), different, preemptions() - before, (unsigned long long)groups.reads);
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
}

// More single groups than registers: each counts only part of the time, and says how much it missed. A pinned counter, which
// is on the PMU always, tells what they would have counted. Stretches are of changing length, lest they keep in step with
// the kernel's rotation.
static void multiplex(uint64_t rounds, int stretches, useconds_t sleep_us) {
  enum { GROUPS = 12 };
  struct perf_event_attr attr;
  perf_fill(&attr, &instructions);
  attr.pinned = 1;
  int pinned, error = perf_open_attr(&attr, 0, -1, &pinned);
  for (int i = 0; i < GROUPS && !error; i++) add(&instructions, 1);
  read_all();
  uint64_t before, expected, enabled, running;
  error = error || perf_read_fd(pinned, &before, &enabled, &running);
  double cpu = ns(CLOCK_THREAD_CPUTIME_ID), at_start[GROUPS];
  memcpy(at_start, values, sizeof at_start);
  for (int i = 0; i < stretches; i++) {
    spin(rounds / 2 + rounds * (uint64_t)(i * 7919 % 1000) / 1000);
    if (sleep_us) usleep(sleep_us);
    read_all();
  }
  error = error || perf_read_fd(pinned, &expected, &enabled, &running);
  cpu = ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
  for (int i = 0; i < GROUPS; i++) values[i] -= at_start[i];
  printf("{\"pinned\": %d, \"expected\": %.0f, \"cpu\": %.0f, ", error, (double)(expected - before), cpu);
  for (int i = 0; i < GROUPS; i++) at_start[i] = (double)groups.group[i].missed;
  print_array("raw", at_start, GROUPS);
  printf(", \"reading\": ");
  print_reading();
  printf("}\n");
}

static void multiplexed(void) { multiplex(1000 * 1000, 600, 0); }
// A server that waits after each piece of work: switching threads is a good part of its CPU time.
static void blocking(void) { multiplex(50 * 1000, 6000, 20); }

// Past the width of the registers: 32 bits on older arm64.
static void wide(void) {
  add(&instructions, 1);
  uint64_t rounds = UINT64_C(17) << 27;  // 4.6e9 instructions
  read_all();
  double last = values[0];
  int backwards = 0;
  for (int i = 0; i < 64; i++) {
    spin(rounds / 64);
    read_all();
    backwards += values[0] < last;
    last = values[0];
  }
  printf("{\"expected\": %llu, \"backwards\": %d, \"reading\": ", (unsigned long long)(2 * rounds), backwards);
  print_reading();
  printf("}\n");
}

// Larger than any PMU.
static void too_large(void) {
  struct perf_spec specs[PERF_EVENTS_MAX]; 
  int before = free_fd();
  for (int i = 0; i < PERF_EVENTS_MAX; i++) specs[i] = instructions;
  int failed, error = perf_group_add(&groups, specs, PERF_EVENTS_MAX, &failed);
  printf("{\"errno\": %d, \"failed\": %d, \"leaked\": %d}\n", error, failed, free_fd() - before);
}

static const struct {
  const char *name;
  void (*run)(void);
} scenarios[] = {
    {"counts", counts},         {"refused", refused},       {"full", full},   {"lost", lost},
    {"overhead", overhead},     {"user-reads", user_reads}, {"agree", agree}, {"multiplexed", multiplexed}, {"blocking", blocking},
    {"too-large", too_large},   {"wide", wide},             {"together", together},
};

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
    if (argc == 2 && !strcmp(argv[1], scenarios[i].name)) return scenarios[i].run(), 0;
  return 129;
}
