// What V8 does for the program on this thread: garbage collections, bytes allocated on its heap and outside it.
#ifndef TASKPERF_V8_COUNTS_H
#define TASKPERF_V8_COUNTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { V8_SPACES = 4 };

// Must not move while it is open: V8 holds its address.
struct v8_counts {
  // Since v8_counts_open; these only grow. gc_* are always up to date, the others as of the last v8_counts_read.
  double gc_time_ns, gc_count, gc_minor, gc_major;
  double alloc_bytes, external_bytes;
  // own state
  void *isolate;
  bool gc, alloc, external;     // what is counted
  int pause;                    // V8's type of the outermost pause that goes on, 0: none
  int64_t pause_start;
  size_t space[V8_SPACES];      // V8's numbers of the spaces that programs allocate in
  size_t space_used[V8_SPACES]; // as of the last reading
  int64_t external_total;
};

// What the runtime lacks: the counts concerned stay 0.
enum { V8_LACKS_GC = 1, V8_LACKS_ALLOC = 2, V8_LACKS_EXTERNAL = 4 };
// Starts counting on the calling thread, whose isolate it takes. A bit mask of what was asked for and is not there.
int v8_counts_open(struct v8_counts *counts, bool alloc, bool external);
// Brings alloc_bytes and external_bytes up to date.
void v8_counts_read(struct v8_counts *counts);
// Undoes everything; may be called at any time, also on counts that were zeroed and never opened.
void v8_counts_close(struct v8_counts *counts);
#endif
