// Readings of all sources. Each costs what was asked for and no more: garbage collection is a load, getrusage a system
// call, a kernel group is read in user space where the kernel allows it, else by one read(2).
#define _GNU_SOURCE
#include "sources.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

struct readings {
  struct rusage usage;
  double counter[PERF_EVENTS_MAX], missed[PERF_GROUPS_MAX];
};

// A group that failed stands still from then on: the tool says so of its events.
static void tell_failures(struct sources *s) {
  for (int g = 0; g < s->perf.groups; g++) {
    if (!perf_group_failed(&s->perf, g) || s->told & 1u << g) continue;
    s->told |= 1u << g;
    const struct perf_group *group = &s->perf.group[g];
    for (int i = group->first; i < group->first + group->count; i++) {
      int32_t *row = s->table + s->counter[i].line * EVENT_ROW_WORDS;
      __atomic_or_fetch(row + WORD_EVENT_FLAGS, FLAG_EVENT_FAILED, __ATOMIC_RELAXED);
    }
  }
}

static void take_singles(struct sources *s, struct readings *now) {
  if (s->uses_rusage) getrusage(RUSAGE_THREAD, &now->usage);
  if (s->reads_v8) v8_counts_read(&s->v8);
}

static void take(struct sources *s, double cpu_ns, struct readings *now) {
  take_singles(s, now);
  if (s->perf.events == 0) return;
  perf_groups_read(&s->perf, cpu_ns, now->counter, now->missed);
  tell_failures(s);
}

static double single_value(const struct sources *s, const struct rusage *usage, int kind) {
  switch (kind) {
    case SOURCE_FAULTS: return (double)(usage->ru_minflt + usage->ru_majflt);
    case SOURCE_MINOR_FAULTS: return (double)usage->ru_minflt;
    case SOURCE_MAJOR_FAULTS: return (double)usage->ru_majflt;
    case SOURCE_SWITCHES: return (double)(usage->ru_nvcsw + usage->ru_nivcsw);
    case SOURCE_VOLUNTARY: return (double)usage->ru_nvcsw;
    case SOURCE_INVOLUNTARY: return (double)usage->ru_nivcsw;
    case SOURCE_GC_TIME: return s->v8.gc_time_ns;
    case SOURCE_GC_COUNT: return s->v8.gc_count;
    case SOURCE_GC_MINOR: return s->v8.gc_minor;
    case SOURCE_GC_MAJOR: return s->v8.gc_major;
    case SOURCE_ALLOC_BYTES: return s->v8.alloc_bytes;
    default: return s->v8.external_bytes;
  }
}

static void book(struct source *source, double now, double *to, double *total) {
  double added = now - source->last;
  source->last = now;
  to[source->line] += added;
  if (total) total[source->line] += added;
}

void sources_charge(struct sources *s, double cpu_ns, double *to, double *total) {
  if (s->singles == 0 && s->perf.events == 0) return;
  struct readings now;
  take(s, cpu_ns, &now);
  for (int i = 0; i < s->singles; i++)
    book(&s->single[i], single_value(s, &now.usage, s->single[i].kind), to, total);
  for (int i = 0; i < s->perf.events; i++) book(&s->counter[i], now.counter[i], to, total);
  for (int i = 0; i < s->perf.groups; i++)
    if (s->missed[i].line > 0) book(&s->missed[i], now.missed[i], to, total);
}

// V8's counts begin at 0 with every opening: what has not been booked yet is put before that 0.
static int open_v8(struct sources *s, bool alloc, bool external) {
  for (int i = 0; i < s->singles; i++)
    if (s->single[i].kind >= SOURCE_GC_TIME) s->single[i].last -= single_value(s, NULL, s->single[i].kind);
  if (s->v8_open) v8_counts_close(&s->v8);
  memset(&s->v8, 0, sizeof s->v8);
  int lacks = v8_counts_open(&s->v8, alloc, external);
  s->v8_open = true;
  s->v8_lacks = lacks;
  s->reads_v8 = alloc || external;
  return lacks;
}

static int want_v8(struct sources *s, int kind) {
  bool alloc = kind == SOURCE_ALLOC_BYTES || s->v8.alloc, external = kind == SOURCE_EXTERNAL_BYTES || s->v8.external;
  bool known = s->v8_open && alloc == s->v8.alloc && external == s->v8.external;
  int lacks = known ? s->v8_lacks : open_v8(s, alloc, external);
  if (kind < SOURCE_ALLOC_BYTES) return lacks & V8_LACKS_GC ? ENOSYS : 0;
  if (kind == SOURCE_ALLOC_BYTES) return lacks & V8_LACKS_ALLOC ? ENOSYS : 0;
  return lacks & V8_LACKS_EXTERNAL ? ENOSYS : 0;
}

void sources_watch_gc(struct sources *s) { want_v8(s, SOURCE_GC_TIME); }

int sources_open_single(struct sources *s, enum source_kind kind, int line) {
  if (s->singles == SOURCES_MAX) return ENOSPC;
  if (kind >= SOURCE_GC_TIME) {
    int error = want_v8(s, kind);
    if (error) return error;
  } else {
    s->uses_rusage = true;
  }
  struct readings now;
  take_singles(s, &now);
  s->single[s->singles++] = (struct source){kind, line, single_value(s, &now.usage, kind)};
  return 0;
}

int sources_open_group(struct sources *s, const struct perf_spec *specs, const int *lines, int count, int missed_line,
                       int *refused) {
  int first = s->perf.events, group = s->perf.groups;
  int error = perf_group_add(&s->perf, specs, count, refused);
  if (error) return error;
  for (int i = 0; i < count; i++) s->counter[first + i] = (struct source){0, lines[i], 0};
  s->missed[group] = (struct source){0, missed_line, 0};
  return 0;
}

void sources_close_group(struct sources *s) {
  perf_groups_remove_last(&s->perf);
  s->told &= ~(1u << s->perf.groups);
}

void sources_close(struct sources *s) {
  if (s->v8_open) v8_counts_close(&s->v8);
  perf_groups_close(&s->perf);
  int32_t *table = s->table;
  memset(s, 0, sizeof *s);
  s->table = table;
}
