// What the thread was kept busy with for long: slices that others may have waited for, and sections ("blockages") that
// lasted as long as H_BLOCKED_MS says. Nothing here is on the way of short ones but a comparison by the caller.
#ifndef TASKPERF_BLOCKAGE_H
#define TASKPERF_BLOCKAGE_H
#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

// Mirrors of src/core (layout.ts, outside.ts, last-switches.ts, behind.ts, blockages.ts); src/node/addon.ts asserts them.
enum {
  WORD_BLOCKED_MS = 22,     // H_BLOCKED_MS, of the header
  WORD_CURRENT = 3,         // T_CURRENT
  WORD_SEQUENCE = 4,        // T_SEQ
  WORD_ROOT = 5,            // T_ROOT
  F64_SINCE = 18,           // T_F64_SINCE
  F64_SWITCHES = 20,        // T_F64_SWITCHES
  BYTE_SWITCHES = 3200,     // T_BYTE_SWITCHES
  BYTE_BLOCKAGES = 4096,    // T_BYTE_BLOCKAGES
  BYTE_BEHIND = 12288,      // T_BYTE_BEHIND
  SLICE_MIN_NS = 1000000,
  SWITCH_RECORDS = 32,
  SLICE_RECORDS = 32,
  BLOCKAGE_RECORDS = 32,
};

enum who { WHO_TASK = 1, WHO_LATE, WHO_NOBODY, WHO_LOOP, WHO_SEVERAL };

// The areas as they are in the region.
struct switch_record {
  double since, id;
  int32_t name, number;
};
struct slice_record {
  double begin, end, id;
  int32_t name, kind, blockage, waited;
};
struct behind_area {
  int32_t watch, slices;
  double from, room[6];
  struct slice_record slice[SLICE_RECORDS];
};
struct blockage_record {
  double begin, wall, cpu, gc, id, slice;
  int32_t name, kind, waited, room;
};
struct blockage_area {
  double count, ns;
  struct {  // the one that ended last, however long the others were
    double begin, wall, id, slice;
    int32_t name, kind;
    double room;
  } newest;
  struct blockage_record record[BLOCKAGE_RECORDS];
};

// The section that goes on.
struct blockages {
  int32_t *words;           // the thread's slot
  double *f64;
  const int32_t *limit_ms;  // H_BLOCKED_MS
  struct blockage_area *area;
  struct behind_area *behind;
  double begin, cpu, gc;    // of the section
  double longest;           // of its kept slices, ns
  struct slice_record *longest_slice;  // in the region, or `kept` once newer ones have taken its record there
  struct slice_record kept;
  const struct loop *loop;
  bool polls;     // the loop went to wait while somebody may have waited,
  uint64_t idle;  // when it had been idle for so long
};

void blockages_open(struct blockages *q, const struct loop *loop, char *region, char *slot);
// A stretch of JavaScript begins. `cpu` and `gc` are the thread's CPU time and the time of its collections, ns.
void blockages_begin(struct blockages *q, double wall, double cpu, double gc);
// Is a section of so many ns to be noted?
static inline bool blockages_is_long(const struct blockages *q, double ns) {
  return ns >= 1e6 * *q->limit_ms && *q->limit_ms > 0;
}
// It is over, and long.
void blockages_end(struct blockages *q, double wall, double cpu, double gc);
// The loop's own work of `cpu` ns since `begin` was long; it has been given as a slice.
void blockages_loop(struct blockages *q, double begin, double cpu);
// Who has the thread has had it since `begin`, and for SLICE_MIN_NS at least. Called again while that goes on. `woke`
// is when the present turn of the loop began.
void blockages_slice(struct blockages *q, enum who kind, double begin, double end, double woke);
// The loop goes to wait; it has woken. When it was idle in between, nobody waits any more for what is past.
void blockages_poll(struct blockages *q);
void blockages_woken(struct blockages *q);
#endif
