// Garbage collections and allocation, from V8 itself.
//
// A pause is what lies between V8's prologue and epilogue callbacks. Of nested ones (second-pass weak callbacks within a
// collection) the outermost counts, so counts and times are those of Node's own 'gc' performance entries.
//
// Allocation is the growth of the spaces that programs allocate in. V8 keeps each space's use exact to the byte up to the
// allocation pointer, and tells it in 15-30 ns per space, where all statistics of the heap cost 150-210 ns:
//
//      reading      prologue     epilogue      reading
//   ──────┼────────────┼────────────┼─────────────┼──
//         │ growth     │ freed,     │ growth      │
//         │ counts     │ promoted:  │ counts      │
//                      │ a new base │
//
// Each space counts by itself and only when it grew: between pauses V8 corrects the use of old pages downwards while it
// sweeps them, which must not hide what was allocated elsewhere.
//
// The callbacks allocate nothing and run no JavaScript. V8's API is C++ without a C face and found by symbol; what a
// runtime lacks is reported, not assumed.
#define _GNU_SOURCE
#include "v8_counts.h"

#include <string.h>
#include <time.h>

#include "symbols.h"

typedef void (*gc_callback)(void *isolate, int type, int flags, void *data);

// v8::HeapSpaceStatistics: five words in every version here; room for more.
struct space_statistics {
  const char *name;
  size_t size, used, available, physical;
  size_t room[11];
};

static struct {
  void *(*current_isolate)(void);
  void (*add_prologue)(void *, gc_callback, void *, int), (*remove_prologue)(void *, gc_callback, void *);
  void (*add_epilogue)(void *, gc_callback, void *, int), (*remove_epilogue)(void *, gc_callback, void *);
  size_t (*space_count)(void *);
  bool (*space_statistics)(void *, struct space_statistics *, size_t);
  int64_t (*adjust_external)(void *, int64_t);
} v8;

// v8::GCType, checked against Node's own performance entries by the tests.
enum { SCAVENGE = 1, MINOR_MARK_SWEEP = 2, MARK_SWEEP_COMPACT = 4, ALL_TYPES = 31 };
enum { COLLECTIONS = SCAVENGE | MINOR_MARK_SWEEP | MARK_SWEEP_COMPACT };

// Code, its metadata and the VM's own tables live in others: no program allocates there in any amount, and each
// space costs its 15-30 ns.
static const char *const SPACE_NAMES[V8_SPACES] = {"new_space", "old_space", "new_large_object_space", "large_object_space"};

#define GC_CALLBACK "EPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_"
static void find_symbols(void) {
  if (v8.current_isolate) return;
  find_symbol(&v8.add_prologue, ISOLATE "21AddGCPrologueCallback" GC_CALLBACK "S2_");
  find_symbol(&v8.remove_prologue, ISOLATE "24RemoveGCPrologueCallback" GC_CALLBACK);
  find_symbol(&v8.add_epilogue, ISOLATE "21AddGCEpilogueCallback" GC_CALLBACK "S2_");
  find_symbol(&v8.remove_epilogue, ISOLATE "24RemoveGCEpilogueCallback" GC_CALLBACK);
  find_symbol(&v8.space_count, ISOLATE "18NumberOfHeapSpacesEv");
  find_symbol(&v8.space_statistics, ISOLATE "22GetHeapSpaceStatisticsEPNS_19HeapSpaceStatisticsEm");
  find_symbol(&v8.adjust_external, ISOLATE "37AdjustAmountOfExternalAllocatedMemoryEl");
  find_symbol(&v8.current_isolate, ISOLATE "10GetCurrentEv");
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// The growth of all spaces since the last reading.
static size_t space_growth(struct v8_counts *c) {
  size_t growth = 0;
  struct space_statistics s;
  for (int i = 0; i < V8_SPACES; i++) {
    v8.space_statistics(c->isolate, &s, c->space[i]);
    if (s.used > c->space_used[i]) growth += s.used - c->space_used[i];
    c->space_used[i] = s.used;
  }
  return growth;
}

static void count_external(struct v8_counts *c) {
  int64_t total = v8.adjust_external(c->isolate, 0);
  if (total > c->external_total) c->external_bytes += (double)(total - c->external_total);
  c->external_total = total;
}

void v8_counts_read(struct v8_counts *c) {
  if (c->alloc) c->alloc_bytes += (double)space_growth(c);
  if (c->external) count_external(c);
}

static void prologue(void *isolate, int type, int flags, void *data) {
  (void)isolate;
  (void)flags;
  struct v8_counts *c = data;
  if (c->pause) return;
  c->pause = type;
  if (type & COLLECTIONS) v8_counts_read(c);
  c->pause_start = now_ns();  // our own readings are no part of the pause
}

static void epilogue(void *isolate, int type, int flags, void *data) {
  (void)isolate;
  (void)flags;
  struct v8_counts *c = data;
  if (c->pause != type) return;
  c->gc_time_ns += (double)(now_ns() - c->pause_start);
  c->pause = 0;
  if (type & COLLECTIONS) {
    if (c->alloc) space_growth(c);  // a new base: what was freed or promoted is not allocation
    if (c->external) c->external_total = v8.adjust_external(c->isolate, 0);
  }
  c->gc_count++;
  if (type & (SCAVENGE | MINOR_MARK_SWEEP)) c->gc_minor++;
  if (type & MARK_SWEEP_COMPACT) c->gc_major++;
}

static bool find_spaces(struct v8_counts *c) {
  if (!v8.space_count || !v8.space_statistics) return false;
  int found = 0;
  size_t count = v8.space_count(c->isolate);
  for (int i = 0; i < V8_SPACES; i++) {
    for (size_t space = 0; space < count; space++) {
      struct space_statistics s = {0};
      if (!v8.space_statistics(c->isolate, &s, space) || !s.name || strcmp(s.name, SPACE_NAMES[i]) != 0) continue;
      c->space[i] = space;
      found++;
    }
  }
  return found == V8_SPACES;
}

int v8_counts_open(struct v8_counts *c, bool alloc, bool external) {
  memset(c, 0, sizeof *c);
  find_symbols();
  int asked = V8_LACKS_GC | (alloc ? V8_LACKS_ALLOC : 0) | (external ? V8_LACKS_EXTERNAL : 0);
  if (!v8.current_isolate) return asked;
  c->isolate = v8.current_isolate();
  if (!c->isolate || !v8.add_prologue || !v8.remove_prologue || !v8.add_epilogue || !v8.remove_epilogue) return asked;
  int lacks = 0;
  c->alloc = alloc && find_spaces(c);
  c->external = external && v8.adjust_external;
  if (alloc && !c->alloc) lacks |= V8_LACKS_ALLOC;
  if (external && !c->external) lacks |= V8_LACKS_EXTERNAL;
  v8_counts_read(c);  // the base
  c->alloc_bytes = c->external_bytes = 0;
  v8.add_prologue(c->isolate, prologue, c, ALL_TYPES);
  v8.add_epilogue(c->isolate, epilogue, c, ALL_TYPES);
  c->gc = true;
  return lacks;
}

void v8_counts_close(struct v8_counts *c) {
  if (c->gc) {
    v8.remove_prologue(c->isolate, prologue, c);
    v8.remove_epilogue(c->isolate, epilogue, c);
  }
  c->gc = c->alloc = c->external = false;
}
