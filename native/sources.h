// What is counted beside the two clocks: each source has a line of the region and only grows. The boundaries add what a
// reading brought to whom it belongs, so every event's books balance as the clocks' do.
#ifndef TASKPERF_SOURCES_H
#define TASKPERF_SOURCES_H
#include <stdbool.h>
#include <stdint.h>

#include "perf_group.h"
#include "v8_counts.h"

// Lines that are given out at run time: EVENT_LINES - EVENT_GIVEN_FIRST of src/core.
enum { SOURCES_MAX = 25 };

// Where a single count comes from; src/node/addon.ts has the same numbers.
enum source_kind {
  SOURCE_FAULTS,  // of the thread, by getrusage
  SOURCE_MINOR_FAULTS,
  SOURCE_MAJOR_FAULTS,
  SOURCE_SWITCHES,
  SOURCE_VOLUNTARY,
  SOURCE_INVOLUNTARY,
  SOURCE_GC_TIME,  // of the isolate, by V8's callbacks
  SOURCE_GC_COUNT,
  SOURCE_GC_MINOR,
  SOURCE_GC_MAJOR,
  SOURCE_ALLOC_BYTES,
  SOURCE_EXTERNAL_BYTES,
  SOURCE_KINDS,
};

// Mirrors of src/core/event-table.ts, in words; src/node/addon.ts asserts that they agree.
enum { WORD_EVENT_TABLE = 256, EVENT_ROW_WORDS = 24, WORD_EVENT_FLAGS = 1, FLAG_EVENT_FAILED = 16 };

// A count on its line, as of the last reading.
struct source {
  int kind, line;
  double last;
};

// Must not move while something is counted: V8 and the kernel's pages are pointed to.
struct sources {
  int singles;
  struct source single[SOURCES_MAX];
  bool uses_rusage, reads_v8, v8_open;
  int v8_lacks;
  struct v8_counts v8;
  struct perf_groups perf;
  struct source counter[PERF_EVENTS_MAX];  // in the order of perf's events
  struct source missed[PERF_GROUPS_MAX];   // ns that a group was not on the PMU; line 0: nobody asks
  uint32_t told;                           // bit per group: that it failed has been written into the table
  int32_t *table;                          // the region's table of events
};

// Counts one more from now on, on the given line. 0 or an errno (ENOSYS: the runtime lacks it).
int sources_open_single(struct sources *s, enum source_kind kind, int line);
// The time of V8's pauses is kept from now on (v8.gc_time_ns), whether a line has it or not. Without V8's callbacks it is 0.
void sources_watch_gc(struct sources *s);
// Counts a kernel group from now on, its events on the given lines. 0, or an errno and the index of the event refused.
int sources_open_group(struct sources *s, const struct perf_spec *specs, const int *lines, int count, int missed_line,
                       int *refused);
// Undoes the last sources_open_group.
void sources_close_group(struct sources *s);
// Takes a reading and adds what it brought to lines of `to` and, unless NULL, of `total`. `cpu_ns` is the thread's CPU
// time now.
void sources_charge(struct sources *s, double cpu_ns, double *to, double *total);
// Counts nothing any more.
void sources_close(struct sources *s);
#endif
