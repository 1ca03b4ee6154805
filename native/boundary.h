// Where the thread's time goes while no JavaScript hook can see it: event loop, idle, JavaScript of nobody.
#ifndef TASKPERF_BOUNDARY_H
#define TASKPERF_BOUNDARY_H
#include <node_api.h>
#include <stdint.h>

#include "blockage.h"
#include "clock.h"
#include "sources.h"
#include "stack.h"

// Mirrors of src/core/layout.ts (thread slot); addon.c exports them and src/node/addon.ts asserts that they agree.
enum {
  HEADER_BYTES = 4096,     // HEADER_BYTES: the threads' slots follow
  SLOT_BYTES = 16384,      // THREAD_BYTES
  EVENT_LINES = 32,
  WORD_CHARGING = 8,       // T_CHARGING
  WORD_RESUME = 9,         // T_RESUME
  WORD_TURN = 10,          // T_TURN
  F64_BOUNDARIES = 21,     // T_F64_BOUNDARIES
  F64_TOTAL = 64,          // T_F64_TOTAL
  F64_UNATTRIBUTED = 96,   // T_F64_UNATTRIBUTED
  F64_LOOP = 160,          // T_F64_LOOP
  F64_IDLE = 192,          // T_F64_IDLE
  F64_CHARGEABLE = 256,    // T_F64_CHARGEABLE: what the running tasks are to be charged, what the core reads as its PMU
  F64_NATIVE = 288,        // T_F64_NATIVE: the words below
  LINE_TASK_CLOCK = 0,
  LINE_CPU_CLOCK = 1,
};

// What the boundaries keep in the region, as f64 at F64_NATIVE.
enum {
  NATIVE_NOW = 0,      // CLOCK_MONOTONIC of the last reading
  NATIVE_WOKE = 1,     // when the loop last woke (first JavaScript after it blocked)
  NATIVE_SECTION = 2,  // when the present stretch of JavaScript began
  NATIVE_LEFT = 3,     // when the last one ended
  NATIVE_POLLED = 4,   // when the loop last went to wait for events
  NATIVE_SECTION_CPU = 5,  // the thread's CPU time when the section began
  NATIVE_WORDS = 6,
};

// WORD_CHARGING beyond 0 (JavaScript must look) and 1 (the running task): nobody runs, and JavaScript knows.
enum { CHARGING_NOBODY = 2 };

// Who the time since the last reading belongs to.
enum sink { SINK_TASK, SINK_NOBODY, SINK_LOOP };
// Where the thread is. MICROTASKS: drained from C++ without an "entered" event; NESTED: C++ called from there.
enum place { IN_LOOP, IN_CALL, IN_MICROTASKS, IN_NESTED_CALL };

struct boundary {
  struct clock_state clock;
  int32_t *words;    // the thread's slot
  double *f64;
  enum sink sink;
  enum place place;
  bool polled;       // the loop has gone to block since JavaScript last ran
  bool installed;
  bool skip_nobody;  // code without a frame needs no JavaScript: it is booked as unattributed here
  bool frames;       // the current frame can be read (AsyncContextFrame)
  int64_t wall, cpu;   // the last reading
  double since;        // since when the sink is what it is
  struct blockages blockages;
  struct sources sources;  // what is counted beside the two clocks
  void *isolate;
  uintptr_t undefined_frame, running_frame;  // raw tagged words, compared only; running_frame is void after a GC
  napi_env env;
  napi_ref on_owner;   // JavaScript: find out who runs and switch
  napi_ref on_turn;    // JavaScript: a section has ended and WORD_TURN asked for it
  struct loop loop;
  int32_t *stack_wanted;   // H_STACK_WANTED
  int index;                    // of the thread's slot
  struct boundary *next_listed;  // stack.c
};

// Starts the clock. 0, or an errno: preemption is not seen, the CPU clock is estimated.
// `region` is where the region begins, `slot` the offset of the thread's slot in it.
int boundary_open(struct boundary *b, napi_env env, char *region, size_t slot);
// A bit mask of what this runtime lacks (0 = all there); registers nothing.
enum { LACKS_ENTERED = 1, LACKS_COMPLETED = 2, LACKS_DRAINED = 4, LACKS_LOOP = 8, LACKS_FRAMES = 16 };
int boundary_lacks(void);
// Registers the callbacks; returns the same mask.
int boundary_install(struct boundary *b, napi_value on_owner, napi_value on_turn, bool frames);
// Both undo everything. true: libuv still closes a handle and calls closing->done (if given) when it has.
bool boundary_remove(struct boundary *b, struct closing *closing);
bool boundary_close(struct boundary *b, struct closing *closing);
// The core's PMU reading: charge what has passed to whom it belongs. With WORD_RESUME set the running task is charged
// from now on.
void boundary_charge(struct boundary *b);
// Nobody's code runs from now on.
void boundary_nobody(struct boundary *b);
// false: also nobody's code is told to JavaScript, because the thread's own task is being counted.
void boundary_skip_nobody(struct boundary *b, bool skip);
// This thread's, while it is installed.
struct boundary *boundary_here(void);
// The runtime's current async context frame as a handle, NULL where there is none.
napi_value boundary_frame(void);
// Looks up what the runtime offers; once, before anything else here.
void boundary_symbols(void);
#endif
