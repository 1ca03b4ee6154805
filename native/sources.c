// Readings of all sources. getrusage costs a system call, and is made only where one of its counts is asked for.
#define _GNU_SOURCE
#include "sources.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static double rusage_count(const struct rusage *usage, int kind) {
  switch (kind) {
    case SOURCE_FAULTS: return (double)(usage->ru_minflt + usage->ru_majflt);
    case SOURCE_MINOR_FAULTS: return (double)usage->ru_minflt;
    case SOURCE_MAJOR_FAULTS: return (double)usage->ru_majflt;
    case SOURCE_SWITCHES: return (double)(usage->ru_nvcsw + usage->ru_nivcsw);
    case SOURCE_VOLUNTARY: return (double)usage->ru_nvcsw;
    default: return (double)usage->ru_nivcsw;
  }
}

static void read_singles(struct sources *s, double *now) {
  struct rusage usage;
  if (s->uses_rusage) getrusage(RUSAGE_THREAD, &usage);
  for (int i = 0; i < s->count; i++) now[i] = rusage_count(&usage, s->kind[i]);
}

int sources_add_single(struct sources *s, enum source_kind kind, int line) {
  if (s->count == SOURCES_MAX) return ENOSPC;
  int i = s->count++;
  s->kind[i] = (uint8_t)kind;
  s->line[i] = (uint8_t)line;
  s->uses_rusage = true;
  double now[SOURCES_MAX];
  read_singles(s, now);
  s->last[i] = now[i];
  return 0;
}

void sources_add(struct sources *s, double *to, double *total) {
  if (s->count == 0) return;
  double now[SOURCES_MAX];
  read_singles(s, now);
  for (int i = 0; i < s->count; i++) {
    double added = now[i] - s->last[i];
    s->last[i] = now[i];
    to[s->line[i]] += added;
    if (total) total[s->line[i]] += added;
  }
}

void sources_close(struct sources *s) { memset(s, 0, sizeof *s); }
