// A group is read in user space while all of its counters are in registers (perf_page.c); else one read(2) of the leader
// brings all values and the times, exact in any state. Which way a reading took cannot be told from the values: both give
// the kernel's sum at that moment.
//
// A counter that cannot be read any more (its PMU has gone, a pinned group is in error) keeps its last values, and the
// group is marked failed: the program that is being measured goes on.
#define _GNU_SOURCE
#include "perf_group.h"

#include <assert.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "perf_page.h"

// What read(2) of a leader fills.
struct group_words {
  uint64_t count, enabled, running, values[PERF_EVENTS_MAX];
};

// TASKPERF_NO_RDPMC=1: read(2) only, for the tests and for comparisons.
static bool may_read_in_user_space(void) {
  const char *forbidden = getenv("TASKPERF_NO_RDPMC");
  return !forbidden || *forbidden != '1';
}

static int open_counter(const struct perf_spec *spec, int leader, int *fd) {
  struct perf_event_attr attr;
  perf_fill(&attr, spec);
  attr.read_format |= PERF_FORMAT_GROUP;
  if (may_read_in_user_space() && page_ask(&attr) && perf_open_attr(&attr, 0, leader, fd) == 0) return 0;
  attr.config1 = spec->config1;
  return perf_open_attr(&attr, 0, leader, fd);
}

static void close_counters(struct perf_counter *counters, int count) {
  // The leader last: its siblings would go on by themselves for a moment.
  for (int i = count - 1; i >= 0; i--) {
    if (counters[i].page) page_unmap(counters[i].page);
    close(counters[i].fd);
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
static bool read_pages(const struct perf_counter *counters, int count, struct group_words *words, uint64_t *missed_ns) {
  uint64_t missed;
  for (int i = 0; i < count; i++)
    if (!page_read(counters[i].page, &words->values[i], i == 0 ? missed_ns : &missed)) return false;
  return true;
}

static int read_leader(int leader, int count, struct group_words *words, uint64_t *missed_ns) {
  ssize_t expected = (ssize_t)(sizeof(uint64_t) * (3 + (size_t)count));
  ssize_t bytes = read(leader, words, sizeof *words);
  if (bytes != expected) return bytes < 0 ? errno : ENODATA;  // 0 bytes: in error; fewer: a sibling has been detached
  *missed_ns = words->enabled - words->running;
  return 0;
}

static int read_group(struct perf_groups *all, const struct perf_group *group, struct group_words *words,
                      uint64_t *missed_ns) {
  const struct perf_counter *counters = &all->counter[group->first];
  if (group->user_readable && read_pages(counters, group->count, words, missed_ns)) return 0;
  all->reads++;
  return read_leader(counters[0].fd, group->count, words, missed_ns);
}

// The counters were opened running, because arm64 leaves a disabled leader out when it finds out whether the group fits.
// Stopped and started once they begin together, and those that Linux had added to a running group without starting them
// (task-clock, seen on 6.12 and 6.18) begin at all.
static int restart(int leader) {
  return ioctl(leader, PERF_EVENT_IOC_DISABLE, 0) || ioctl(leader, PERF_EVENT_IOC_ENABLE, 0) ? errno : 0;
}

// Notes where the counters begin. The first reading also has the kernel bring the pages in, which is a page fault that no
// task has caused. A page may offer what the system forbids (kernel.perf_user_access of arm64): then it names no register
// though the group is on the PMU.
static int start(struct perf_groups *all, struct perf_group *group) {
  struct perf_counter *counters = &all->counter[group->first];
  struct group_words words;
  int error = restart(counters[0].fd);
  if (error) return error;
  if (!group->user_readable || !read_pages(counters, group->count, &words, &group->missed_start)) {
    error = read_leader(counters[0].fd, group->count, &words, &group->missed_start);
    if (error) return error;
    uint64_t missed_ns = group->missed_start;
    error = read_leader(counters[0].fd, group->count, &words, &group->missed_start);
    if (error) return error;
    if (group->missed_start == missed_ns) group->user_readable = false;
  }
  for (int i = 0; i < group->count; i++) counters[i].start = words.values[i];
  return 0;
}

int perf_group_add(struct perf_groups *all, const struct perf_spec *specs, int count, int *failed) {
  assert(count > 0);
  *failed = 0;
  if (all->groups == PERF_GROUPS_MAX || count > PERF_EVENTS_MAX - all->events) return ENOSPC;
  struct perf_group *group = &all->group[all->groups];
  struct perf_counter *counters = &all->counter[all->events];
  memset(counters, 0, sizeof *counters * (size_t)count);
  *group = (struct perf_group){.first = all->events, .count = count};
  for (int i = 0; i < count; i++) {
    int error = open_counter(&specs[i], i == 0 ? -1 : counters[0].fd, &counters[i].fd);
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

static void update(struct perf_groups *all, struct perf_group *group) {
  if (group->failed) return;
  struct group_words words;
  uint64_t missed_ns;
  group->failed = read_group(all, group, &words, &missed_ns);
  if (group->failed) return;
  struct perf_counter *counters = &all->counter[group->first];
  for (int i = 0; i < group->count; i++)
    counters[i].value = later(counters[i].value, words.values[i] - counters[i].start);
  group->missed_ns = later(group->missed_ns, missed_ns - group->missed_start);
}

void perf_groups_read(struct perf_groups *all, double *values, double *missed_ns) {
  for (int g = 0; g < all->groups; g++) {
    update(all, &all->group[g]);
    missed_ns[g] = (double)all->group[g].missed_ns;
  }
  for (int i = 0; i < all->events; i++) values[i] = (double)all->counter[i].value;
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
