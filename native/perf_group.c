// A group is read in user space while all of its counters are in registers (perf_page.c); else one read(2) of the leader
// brings all values and the times, exact in any state. Which way a reading took cannot be told from the values: both give
// the kernel's sum at that moment.
//
// The time that a group was not on the PMU is told as a part of the thread's CPU time, since that is what a reader has for
// each task. The kernel's own times (`enabled`, of which the group was `running` a part) do not run while it switches threads,
// which for a thread that blocks often is a good part of its CPU time (half, with 5,000 blocking calls in 80 ms), so the share
// missed / enabled is taken, not the difference.
//
// A counter that cannot be read any more (its PMU has gone, a pinned group is in error) keeps its last values, and the
// group is marked failed: the program that is being measured goes on.
#define _GNU_SOURCE
#include "perf_group.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "perf_page.h"

enum { DESCRIPTOR_MIN = 960 };
// Another try means that the thread was interrupted within some ten instructions.
enum { TRIES_MAX = 16 };

// What read(2) of a leader fills.
struct group_words {
  uint64_t count, enabled, running, values[PERF_EVENTS_MAX];
};

// TASKPERF_NO_RDPMC=1: read(2) only, for the tests and for comparisons.
static bool may_read_in_user_space(void) {
  const char *forbidden = getenv("TASKPERF_NO_RDPMC");
  return !forbidden || *forbidden != '1';
}

static int open_descriptor(const struct perf_spec *spec, int leader, int *fd) {
  struct perf_event_attr attr;
  perf_fill(&attr, spec);
  attr.read_format |= PERF_FORMAT_GROUP;
  if (may_read_in_user_space() && page_ask(&attr) && perf_open_attr(&attr, 0, leader, fd) == 0) return 0;
  attr.config1 = spec->config1;
  return perf_open_attr(&attr, 0, leader, fd);
}

// Out of the way of the program, whose own descriptors have the numbers that they have without us. Not higher than
// needed: the kernel's table of descriptors grows with the highest.
static int moved_up(int fd) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return fd;
  rlim_t half = limit.rlim_cur / 2;
  int up = fcntl(fd, F_DUPFD_CLOEXEC, half < DESCRIPTOR_MIN ? (int)half : DESCRIPTOR_MIN);
  if (up < 0) return fd;
  close(fd);
  return up;
}

static int open_counter(const struct perf_spec *spec, int leader, struct perf_counter *counter) {
  int fd, error = open_descriptor(spec, leader, &fd);
  if (error) return error;
  counter->fd = moved_up(fd);
  return ioctl(counter->fd, PERF_EVENT_IOC_ID, &counter->id) ? errno : 0;
}

// The program may have closed it, and have something of its own under the number since.
static bool is_ours(const struct perf_counter *counter) {
  uint64_t id;
  return ioctl(counter->fd, PERF_EVENT_IOC_ID, &id) == 0 && id == counter->id;
}

static void close_counters(struct perf_counter *counters, int count) {
  // The leader last: its siblings would go on by themselves for a moment.
  for (int i = count - 1; i >= 0; i--) {
    if (counters[i].page) page_unmap(counters[i].page);
    if (is_ours(&counters[i])) close(counters[i].fd);
  }
}

static bool map_pages(struct perf_counter *counters, int count) {
  if (!may_read_in_user_space()) return false;
  for (int i = 0; i < count; i++) {
    counters[i].page = page_map(counters[i].fd);
    if (counters[i].page) continue;
    // One that is not readable costs the read(2) that brings all the others, too.
    for (; i > 0; i--) {
      page_unmap(counters[i - 1].page);
      counters[i - 1].page = NULL;
    }
    return false;
  }
  return true;
}

// The two ways to read a group: values in order, and the ns missed. true: it worked.
static bool read_pages(const struct perf_counter *counters, int count, struct group_words *words, uint64_t *missed) {
  uint64_t unused;
  int tries = 0;
  for (int i = 0; i < count; i++) {
    enum page_reading reading = page_read(counters[i].page, &words->values[i], i == 0 ? missed : &unused);
    if (reading == PAGE_READ) continue;
    if (reading == PAGE_REFUSED || ++tries == TRIES_MAX) return false;
    i = -1;  // all of them: what the first try has executed would be in the later counters alone
  }
  return true;
}

static int read_leader(struct perf_groups *all, const struct perf_group *group, struct group_words *words) {
  ssize_t expected = (ssize_t)(sizeof(uint64_t) * (3 + (size_t)group->count));
  ssize_t bytes = read(all->counter[group->first].fd, words, sizeof *words);
  all->reads++;
  if (bytes == expected) return 0;
  return bytes < 0 ? errno : ENODATA;  // 0 bytes: in error; fewer: a sibling has been detached
}

// The counters were opened running, because arm64 leaves a disabled leader out when it finds out whether the group fits.
// Stopped and started once they begin together, and those that Linux had added to a running group without starting them
// (task-clock, seen on 6.12 and 6.18) begin at all.
static int restart(int leader) {
  return ioctl(leader, PERF_EVENT_IOC_DISABLE, 0) || ioctl(leader, PERF_EVENT_IOC_ENABLE, 0) ? errno : 0;
}

// A page may offer what the system forbids (kernel.perf_user_access of arm64): then it names no register though the group has
// not been off the PMU between two readings. The first look also has the kernel bring the pages in, which is a page fault
// that no task has caused.
static bool is_forbidden(const struct perf_counter *counters, int count, uint64_t missed_before, uint64_t missed_after) {
  struct group_words words;
  uint64_t missed;
  return !read_pages(counters, count, &words, &missed) && missed_before == missed_after;
}

// Notes where the counters begin.
static int start(struct perf_groups *all, struct perf_group *group) {
  struct perf_counter *counters = &all->counter[group->first];
  int error = restart(counters[0].fd);
  if (error) return error;
  struct group_words words;
  for (int reading = 0; reading < 2; reading++) {
    uint64_t before = group->missed;
    error = read_leader(all, group, &words);
    if (error) return error;
    group->missed = words.enabled - words.running;
    if (reading > 0 && group->user_readable)
      group->user_readable = !is_forbidden(counters, group->count, before, group->missed);
  }
  for (int i = 0; i < group->count; i++) counters[i].start = words.values[i];
  return 0;
}

int perf_group_add(struct perf_groups *all, const struct perf_spec *specs, int count, int *failed) {
  assert(count > 0);
  *failed = all->groups == PERF_GROUPS_MAX ? 0 : PERF_EVENTS_MAX - all->events;
  if (*failed < count) return ENOSPC;
  *failed = 0;
  struct perf_group *group = &all->group[all->groups];
  struct perf_counter *counters = &all->counter[all->events];
  memset(counters, 0, sizeof *counters * (size_t)count);
  *group = (struct perf_group){.first = all->events, .count = count};
  for (int i = 0; i < count; i++) {
    int error = open_counter(&specs[i], i == 0 ? -1 : counters[0].fd, &counters[i]);
    if (!error) continue;
    close_counters(counters, i);
    *failed = i;
    return error;
  }
  group->user_readable = map_pages(counters, count);
  int error = start(all, group);
  if (error) {
    close_counters(counters, count);
    return error;
  }
  all->groups++;
  all->events += count;
  return 0;
}

// Never back, also not from 0 to a huge number.
static uint64_t later(uint64_t before, uint64_t now) { return (int64_t)(now - before) > 0 ? now : before; }

// What the group has missed since the read(2) before, as a part of the CPU time: a share of what has passed since then, but
// not more than has passed since the reading before, because until then it had missed nothing.
static double missed_share(const struct perf_groups *all, const struct perf_group *group, double cpu_ns,
                           const struct group_words *words) {
  double missed = (double)(later(group->missed, words->enabled - words->running) - group->missed);
  double enabled = (double)(later(group->enabled, words->enabled) - group->enabled);
  if (group->enabled == 0 || enabled == 0) return missed;  // the first reading
  double share = missed / enabled * (cpu_ns - group->cpu_ns), most = cpu_ns - all->cpu_ns;
  return share < most ? share : most;
}

static void read_by_kernel(struct perf_groups *all, struct perf_group *group, double cpu_ns, struct group_words *words) {
  group->failed = read_leader(all, group, words);
  if (group->failed) return;
  double share = missed_share(all, group, cpu_ns, words);
  if (share > 0) group->missed_ns += share;
  group->missed = words->enabled - words->running;
  group->enabled = words->enabled;
  group->cpu_ns = cpu_ns;
}

static void update(struct perf_groups *all, struct perf_group *group, double cpu_ns) {
  if (group->failed) return;
  struct group_words words;
  struct perf_counter *counters = &all->counter[group->first];
  uint64_t missed = 0;
  bool by_page = group->user_readable && group->enabled != 0 && read_pages(counters, group->count, &words, &missed) &&
                 missed == group->missed;
  if (!by_page) read_by_kernel(all, group, cpu_ns, &words);
  if (group->failed) return;
  for (int i = 0; i < group->count; i++)
    counters[i].value = later(counters[i].value, words.values[i] - counters[i].start);
}

void perf_groups_read(struct perf_groups *all, double cpu_ns, double *values, double *missed_ns) {
  for (int g = 0; g < all->groups; g++) {
    update(all, &all->group[g], cpu_ns);
    missed_ns[g] = all->group[g].missed_ns;
  }
  for (int i = 0; i < all->events; i++) values[i] = (double)all->counter[i].value;
  all->cpu_ns = cpu_ns;
}

void perf_groups_close(struct perf_groups *all) {
  for (int g = all->groups - 1; g >= 0; g--) close_counters(&all->counter[all->group[g].first], all->group[g].count);
  memset(all, 0, sizeof *all);
}

void perf_groups_remove_last(struct perf_groups *all) {
  assert(all->groups > 0);
  struct perf_group *group = &all->group[--all->groups];
  close_counters(&all->counter[group->first], group->count);
  all->events -= group->count;
}
