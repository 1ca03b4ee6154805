// Who had the thread for long. A slice is kept once it is SLICE_MIN_NS long, so that a task that comes later can say whom
// it waited for (src/core/behind.ts), and a long section whom it was spent by: the longest of its slices.
#define _GNU_SOURCE
#include "blockage.h"

#include <string.h>

void blockages_open(struct blockages *q, const struct loop *loop, char *region, char *slot) {
  memset(q, 0, sizeof *q);
  q->loop = loop;
  q->words = (int32_t *)slot;
  q->f64 = (double *)slot;
  q->limit_ms = (int32_t *)region + WORD_BLOCKED_MS;
  q->area = (struct blockage_area *)(slot + BYTE_BLOCKAGES);
  q->behind = (struct behind_area *)(slot + BYTE_BEHIND);
  q->behind->watch = 0;  // what a thread before us in this slot left
}

void blockages_begin(struct blockages *q, double wall, double cpu, double gc) {
  q->begin = wall;
  q->cpu = cpu;
  q->gc = gc;
  q->longest = 0;
}

// The running task, as the core noted it last. What the thread's own task runs is code of no task.
static void set_owner(const struct blockages *q, struct slice_record *slice) {
  int64_t newest = (int64_t)q->f64[F64_SWITCHES];
  const char *records = (const char *)q->words + BYTE_SWITCHES;
  const struct switch_record *record = (const struct switch_record *)records + newest % SWITCH_RECORDS;
  bool is_own = record->id >= 0 && q->words[WORD_CURRENT] == q->words[WORD_ROOT];
  slice->id = is_own ? -1 : record->id;
  slice->name = is_own ? 0 : record->name;
  if (record->id < 0) slice->kind = WHO_LATE;
  if (is_own) slice->kind = WHO_NOBODY;
}

void blockages_slice(struct blockages *q, enum who kind, double begin, double end, double woke) {
  struct behind_area *behind = q->behind;
  uint32_t count = (uint32_t)behind->slices;
  struct slice_record *slice = &behind->slice[(count - 1) % SLICE_RECORDS];
  if (count == 0 || slice->begin != begin) {
    slice = &behind->slice[count % SLICE_RECORDS];
    if (q->longest_slice == slice) {  // many short ones came after it
      q->kept = *slice;
      q->longest_slice = &q->kept;
    }
    *slice = (struct slice_record){.begin = begin};
    behind->slices = (int32_t)(count + 1);
  }
  slice->end = end;
  slice->kind = kind;
  slice->id = -1;
  if (kind == WHO_TASK) set_owner(q, slice);  // each time: it may have got its name only now
  if (kind != WHO_LOOP && end - begin > q->longest) {
    q->longest = end - begin;
    q->longest_slice = slice;
  }
  if (!behind->watch) behind->from = woke;
  behind->watch = 1;
}

void blockages_poll(struct blockages *q) {
  q->polls = q->behind->watch;
  if (q->polls) q->idle = loop_idle_ns(q->loop);
}

void blockages_woken(struct blockages *q) {
  if (q->polls && loop_idle_ns(q->loop) != q->idle) q->behind->watch = 0;
}

// A reader on another thread or in another process takes no copy while the number is odd.
static bool begin_change(struct blockages *q) {
  int32_t number = q->words[WORD_SEQUENCE];
  if (number & 1) return false;  // the core is in the middle of one
  __atomic_store_n(&q->words[WORD_SEQUENCE], number + 1, __ATOMIC_RELAXED);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return true;
}

static void end_change(struct blockages *q) {
  __atomic_store_n(&q->words[WORD_SEQUENCE], q->words[WORD_SEQUENCE] + 1, __ATOMIC_RELEASE);
}

// The record to be given up for one of `wall` ns, NULL: all are of longer ones.
static struct blockage_record *record_for(struct blockages *q, double wall) {
  struct blockage_record *shortest = q->area->record;
  for (struct blockage_record *r = shortest; r < q->area->record + BLOCKAGE_RECORDS; r++) {
    if (r->kind == 0) return r;
    if (r->wall < shortest->wall) shortest = r;
  }
  return shortest->wall < wall ? shortest : NULL;
}

static void note(struct blockages *q, struct blockage_record blockage, struct slice_record *slice) {
  bool changes = begin_change(q);
  q->area->count++;
  q->area->ns += blockage.wall;
  q->area->newest.begin = blockage.begin;
  q->area->newest.wall = blockage.wall;
  q->area->newest.id = blockage.id;
  q->area->newest.slice = blockage.slice;
  q->area->newest.name = blockage.name;
  q->area->newest.kind = blockage.kind;
  struct blockage_record *record = record_for(q, blockage.wall);
  if (record) {
    int32_t reference = (int32_t)(record - q->area->record) + 1;
    for (int i = 0; i < SLICE_RECORDS; i++)
      if (q->behind->slice[i].blockage == reference) q->behind->slice[i].blockage = 0;
    if (slice) slice->blockage = reference;
    *record = blockage;
  }
  if (changes) end_change(q);
}

void blockages_end(struct blockages *q, double wall, double cpu, double gc) {
  struct slice_record *slice = q->longest > 0 ? q->longest_slice : NULL;
  struct blockage_record blockage = {
    .begin = q->begin, .wall = wall - q->begin, .cpu = cpu - q->cpu, .gc = gc - q->gc, .id = -1, .kind = WHO_SEVERAL};
  if (slice) {
    blockage.id = slice->id;
    blockage.name = slice->name;
    blockage.kind = slice->kind;
    blockage.slice = slice->end - slice->begin;
    blockage.waited = slice->waited;
  }
  // Who comes now looks at the slices in the region: of a section whose longest is there no more, at its last.
  note(q, blockage, slice == &q->kept ? &q->behind->slice[(uint32_t)(q->behind->slices - 1) % SLICE_RECORDS] : slice);
}

void blockages_loop(struct blockages *q, double begin, double cpu) {
  note(q, (struct blockage_record){.begin = begin, .wall = cpu, .cpu = cpu, .gc = -1, .id = -1, .slice = cpu, .kind = WHO_LOOP},
       &q->behind->slice[(uint32_t)(q->behind->slices - 1) % SLICE_RECORDS]);
}

_Static_assert(sizeof(struct switch_record) == 24, "the switches are as last-switches.ts has them");
_Static_assert(sizeof(struct behind_area) == 64 + 32 * 40, "the slices are as behind.ts has them");
_Static_assert(sizeof(struct blockage_area) == 64 + 32 * 64, "the blockages are as blockages.ts has them");
