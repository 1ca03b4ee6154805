// What is counted beside the two clocks: each source has a line of the region and only grows. The boundaries add what a
// reading brought to whom it belongs, so every event's books balance as the clocks' do.
#ifndef TASKPERF_SOURCES_H
#define TASKPERF_SOURCES_H
#include <stdbool.h>
#include <stdint.h>

// Lines that are given out at run time: EVENT_LINES - EVENT_GIVEN_FIRST of src/core.
enum { SOURCES_MAX = 25 };

// Where a single count comes from; numbers are known to src/node/addon.ts.
enum source_kind {
  SOURCE_FAULTS = 0,  // of the thread, by getrusage
  SOURCE_MINOR_FAULTS = 1,
  SOURCE_MAJOR_FAULTS = 2,
  SOURCE_SWITCHES = 3,
  SOURCE_VOLUNTARY = 4,
  SOURCE_INVOLUNTARY = 5,
  SOURCE_KINDS = 6,
};

struct sources {
  int count;                   // single counts
  bool uses_rusage;
  uint8_t kind[SOURCES_MAX], line[SOURCES_MAX];
  double last[SOURCES_MAX];    // as of the last reading
};

// Counts one more from now on, on the given line. 0 or an errno.
int sources_add_single(struct sources *s, enum source_kind kind, int line);
// Takes a reading and adds what it brought to lines of `to` and, unless NULL, of `total`.
void sources_add(struct sources *s, double *to, double *total);
// Counts nothing any more.
void sources_close(struct sources *s);
#endif
