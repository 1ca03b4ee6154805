// The JavaScript stack of a thread that is blocked, for whoever asks from outside (H_STACK_WANTED).
#ifndef TASKPERF_STACK_H
#define TASKPERF_STACK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct boundary;

// Mirrors of src/core (outside.ts, stack-text.ts); src/node/addon.ts asserts that they agree.
enum {
  WORD_STACK_WANTED = 15,  // H_STACK_WANTED, of the header
  BYTE_STACK = 8192,       // T_BYTE_STACK
  STACK_TEXT_BYTES = 4096 - 64,
};
enum stack_state { STACK_UNWATCHED, STACK_WATCHED, STACK_LACKING };

// The area as it is in the region.
struct stack_area {
  int32_t state, asked, taken, sequence, length, cut;
  double section;        // when the section began that the text is of
  double asked_section;  // and the one that it was last asked for
  double room[3];
  char text[STACK_TEXT_BYTES];
};

// Requests come through the region's file at `path`, which is mapped once more. The thread that waits for them is started
// now, or with the first request that a thread of the program sees (stack_asked). 0, an errno, or STACK_NO_SYMBOLS: the
// runtime has no such stacks.
enum { STACK_NO_SYMBOLS = -1 };
int stack_prepare(const char *path, bool start);
void stack_asked(int32_t *wanted);
// Ends it: no thread of ours is left.
void stack_stop(void);
// The thread of this boundary may be asked for its stack, until it is removed. Both may be called from any thread.
void stack_add(struct boundary *b);
void stack_remove(struct boundary *b);
// This memory is about to be unmapped, with whatever slots are in it.
void stack_unmapped(const void *data, size_t bytes);
// The tool's side: wakes the thread that waits on this word of a mapping of the region.
void stack_wake(int32_t *wanted);
#endif
