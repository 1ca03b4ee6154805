// A partition of the thread's time, made by C callbacks that run no JavaScript:
//
//   loop wakes ── entered ── JavaScript ── completed ── … microtasks ── drained ── … loop blocks
//      │ SINK_LOOP  │ SINK_NOBODY or SINK_TASK │  SINK_LOOP                  │ SINK_LOOP, wall minus CPU is idle
//
// Every reading adds the time since the one before to exactly one sink, so the parts always sum to the whole. V8's
// callbacks are C++ API without a C face: they are found by symbol, and what a runtime lacks is reported, not assumed.
// One isolate per thread, hence the thread-local.
#define _GNU_SOURCE
#include "boundary.h"

#include <string.h>

#include "symbols.h"

typedef void (*isolate_callback)(void *isolate);
typedef void (*drained_callback)(void *isolate, void *data);
typedef void (*gc_callback)(void *isolate, int type, int flags, void *data);

static struct {
  void *(*current_isolate)(void);
  napi_value (*get_frame)(void *isolate);
  void (*add_entered)(void *, isolate_callback), (*remove_entered)(void *, isolate_callback);
  void (*add_completed)(void *, isolate_callback), (*remove_completed)(void *, isolate_callback);
  void (*add_drained)(void *, drained_callback, void *), (*remove_drained)(void *, drained_callback, void *);
  void (*add_gc)(void *, gc_callback, void *, int), (*remove_gc)(void *, gc_callback, void *);
} v8;

static _Thread_local struct boundary *here;

struct boundary *boundary_here(void) { return here; }

enum { GC_ALL_TYPES = 31 };

void boundary_symbols(void) {
  if (v8.current_isolate) return;
  find_symbol(&v8.get_frame, ISOLATE "36GetContinuationPreservedEmbedderDataEv");
  find_symbol(&v8.add_entered, ISOLATE "28AddBeforeCallEnteredCallbackEPFvPS0_E");
  find_symbol(&v8.remove_entered, ISOLATE "31RemoveBeforeCallEnteredCallbackEPFvPS0_E");
  find_symbol(&v8.add_completed, ISOLATE "24AddCallCompletedCallbackEPFvPS0_E");
  find_symbol(&v8.remove_completed, ISOLATE "27RemoveCallCompletedCallbackEPFvPS0_E");
  find_symbol(&v8.add_drained, ISOLATE "30AddMicrotasksCompletedCallbackEPFvPS0_PvES2_");
  find_symbol(&v8.remove_drained, ISOLATE "33RemoveMicrotasksCompletedCallbackEPFvPS0_PvES2_");
  find_symbol(&v8.add_gc, ISOLATE "21AddGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_");
  find_symbol(&v8.remove_gc, ISOLATE "24RemoveGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_");
  find_symbol(&v8.current_isolate, ISOLATE "10GetCurrentEv");
}

// Who has had the thread for long is noted: a task since it was switched in or came back from the loop, others since the
// sink is theirs. The loop is blocked by its own work only while that uses the CPU.
static void note_slice(struct boundary *b, double begin) {
  static const enum who whose[] = {[SINK_TASK] = WHO_TASK, [SINK_NOBODY] = WHO_NOBODY, [SINK_LOOP] = WHO_LOOP};
  blockages_slice(&b->blockages, whose[b->sink], begin, (double)b->wall, b->f64[F64_NATIVE + NATIVE_WOKE]);
}

// Adds the time since the last reading to the present sink.
static void account(struct boundary *b) {
  int64_t wall, cpu;
  clock_read(&b->clock, &wall, &cpu);
  double wall_ns = (double)(wall - b->wall), cpu_ns = (double)(cpu - b->cpu);
  b->wall = wall;
  b->cpu = cpu;
  double *f = b->f64, *native = f + F64_NATIVE;
  native[NATIVE_NOW] = (double)wall;
  if (b->sink == SINK_TASK) {
    double since = f[F64_SINCE] > b->since ? f[F64_SINCE] : b->since;
    if ((double)wall - since >= SLICE_MIN_NS) note_slice(b, since);
    f[F64_CHARGEABLE + LINE_TASK_CLOCK] += cpu_ns;
    f[F64_CHARGEABLE + LINE_CPU_CLOCK] += wall_ns;
    sources_charge(&b->sources, (double)cpu, f + F64_CHARGEABLE, NULL);
    return;  // the core adds it to the totals when it charges it
  }
  f[F64_TOTAL + LINE_TASK_CLOCK] += cpu_ns;
  f[F64_TOTAL + LINE_CPU_CLOCK] += wall_ns;
  if (b->sink == SINK_NOBODY) {
    if ((double)wall - b->since >= SLICE_MIN_NS) note_slice(b, b->since);
    f[F64_UNATTRIBUTED + LINE_TASK_CLOCK] += cpu_ns;
    f[F64_UNATTRIBUTED + LINE_CPU_CLOCK] += wall_ns;
    sources_charge(&b->sources, (double)cpu, f + F64_UNATTRIBUTED, f + F64_TOTAL);
    return;
  }
  if (cpu_ns >= SLICE_MIN_NS) {
    note_slice(b, (double)wall - cpu_ns);
    if (blockages_is_long(&b->blockages, cpu_ns)) blockages_loop(&b->blockages, (double)wall - cpu_ns, cpu_ns);
  }
  // While the loop is blocked the thread uses no CPU: that part of the wall time is idle.
  double idle_ns = b->polled && wall_ns > cpu_ns ? wall_ns - cpu_ns : 0;
  f[F64_LOOP + LINE_TASK_CLOCK] += cpu_ns;
  f[F64_LOOP + LINE_CPU_CLOCK] += wall_ns - idle_ns;
  f[F64_IDLE + LINE_CPU_CLOCK] += idle_ns;
  sources_charge(&b->sources, (double)cpu, f + F64_LOOP, f + F64_TOTAL);
}

static void set_sink(struct boundary *b, enum sink sink) {
  if (sink != b->sink) b->since = (double)b->wall;
  b->sink = sink;
  b->words[WORD_CHARGING] = sink == SINK_TASK;
}

napi_value boundary_frame(void) { return v8.get_frame ? v8.get_frame(v8.current_isolate()) : NULL; }

static uintptr_t raw_frame(struct boundary *b) {
  napi_value frame = v8.get_frame(b->isolate);
  return *(uintptr_t *)frame;  // a handle is a pointer to the tagged word
}

static void call_javascript(struct boundary *b, napi_ref reference) {
  napi_handle_scope scope;
  napi_value function, receiver, ignored;
  if (napi_open_handle_scope(b->env, &scope) != napi_ok) return;
  if (napi_get_reference_value(b->env, reference, &function) == napi_ok && function &&
      napi_get_undefined(b->env, &receiver) == napi_ok)
    napi_call_function(b->env, receiver, function, 0, NULL, &ignored);  // fails while the thread is terminating
  bool pending = false;
  if (napi_is_exception_pending(b->env, &pending) == napi_ok && pending)
    napi_get_and_clear_last_exception(b->env, &ignored);  // ours must not become the program's
  napi_close_handle_scope(b->env, scope);
}

// The frame tells whose code is about to run: nobody's, the running task's, or somebody's that only JavaScript knows.
static void find_owner(struct boundary *b) {
  uintptr_t frame = raw_frame(b);
  if (frame == b->running_frame) set_sink(b, SINK_TASK);
  else if (frame != b->undefined_frame || !b->skip_nobody) call_javascript(b, b->on_owner);
}

static void begin_section(struct boundary *b, enum place place) {
  b->place = place;
  double now = (double)b->wall, *native = b->f64 + F64_NATIVE;
  native[NATIVE_SECTION] = now;
  native[NATIVE_SECTION_CPU] = (double)b->cpu;
  b->since = now;
  blockages_begin(&b->blockages, now, (double)b->cpu, b->sources.v8.gc_time_ns);
  if (b->polled) {
    b->polled = false;
    blockages_woken(&b->blockages);
    native[NATIVE_WOKE] = now;
  }
}

static void end_section(struct boundary *b) {
  double now = (double)b->wall;
  if (*b->stack_wanted) stack_asked(b->stack_wanted);
  b->f64[F64_NATIVE + NATIVE_LEFT] = now;
  if (blockages_is_long(&b->blockages, now - b->blockages.begin))
    blockages_end(&b->blockages, now, (double)b->cpu, b->sources.v8.gc_time_ns);
}

static void entered(void *isolate) {
  (void)isolate;
  struct boundary *b = here;
  if (!b || b->place == IN_CALL || b->place == IN_NESTED_CALL) return;
  if (b->place == IN_MICROTASKS) {
    b->place = IN_NESTED_CALL;
    if (b->frames && raw_frame(b) != b->running_frame) call_javascript(b, b->on_owner);
    return;
  }
  account(b);
  b->f64[F64_BOUNDARIES]++;
  begin_section(b, IN_CALL);
  set_sink(b, SINK_NOBODY);           // until somebody is known to run
  if (b->frames) find_owner(b);       // else the JavaScript hooks tell
}

static void left(struct boundary *b) {
  account(b);
  b->f64[F64_BOUNDARIES]++;
  end_section(b);
  set_sink(b, SINK_LOOP);
  if (b->words[WORD_TURN]) {
    b->place = IN_CALL;  // our own JavaScript, in the loop's time: not a section
    call_javascript(b, b->on_turn);
  }
  b->place = IN_LOOP;
}

// Fires when the outermost call has returned. A call made by C++ from within a microtask is one, too.
static void completed(void *isolate) {
  (void)isolate;
  struct boundary *b = here;
  if (!b || b->place == IN_LOOP) return;
  if (b->place == IN_NESTED_CALL) b->place = IN_MICROTASKS;
  else left(b);
}

// Within a call it is JavaScript that had the queue drained (processTicksAndRejections), and goes on.
static void drained(void *isolate, void *data) {
  (void)isolate;
  (void)data;
  struct boundary *b = here;
  if (b && (b->place == IN_MICROTASKS || b->place == IN_NESTED_CALL)) left(b);
}

// Objects have moved: an equal address no longer means the same frame.
static void collected(void *isolate, int type, int flags, void *data) {
  (void)isolate;
  (void)type;
  (void)flags;
  (void)data;
  if (here) here->running_frame = 0;
}

static void about_to_block(void *handle) {
  (void)handle;
  struct boundary *b = here;
  if (!b) return;
  if (b->place == IN_LOOP) account(b);
  else left(b);  // no JavaScript is running now, whatever was missed
  b->polled = true;
  b->f64[F64_NATIVE + NATIVE_POLLED] = (double)b->wall;
  blockages_poll(&b->blockages);
  if (clock_is_estimated(&b->clock)) b->clock.resync = true;  // once per turn, see clock.c
}

void boundary_charge(struct boundary *b) {
  account(b);
  if (!b->words[WORD_RESUME]) return;
  b->words[WORD_RESUME] = 0;
  // JavaScript without an "entered" event: a microtask drained from C++.
  if (b->place == IN_LOOP) begin_section(b, IN_MICROTASKS);
  set_sink(b, SINK_TASK);
  if (b->frames) b->running_frame = raw_frame(b);
}

void boundary_nobody(struct boundary *b) {
  account(b);
  if (b->place == IN_LOOP) begin_section(b, IN_MICROTASKS);
  set_sink(b, SINK_NOBODY);
  b->words[WORD_CHARGING] = CHARGING_NOBODY;
}

void boundary_skip_nobody(struct boundary *b, bool skip) { b->skip_nobody = skip; }

int boundary_open(struct boundary *b, napi_env env, char *region, size_t slot) {
  memset(b, 0, sizeof *b);
  int error = clock_open(&b->clock);
  b->env = env;
  b->words = (int32_t *)(region + slot);
  b->f64 = (double *)(region + slot);
  b->sources.table = (int32_t *)region + WORD_EVENT_TABLE;
  b->index = (int)((slot - HEADER_BYTES) / SLOT_BYTES);
  b->stack_wanted = (int32_t *)region + WORD_STACK_WANTED;
  blockages_open(&b->blockages, &b->loop, region, region + slot);
  clock_read(&b->clock, &b->wall, &b->cpu);
  double *native = b->f64 + F64_NATIVE;
  b->since = native[NATIVE_NOW] = native[NATIVE_WOKE] = (double)b->wall;  // nobody has waited here for what was before
  b->place = IN_CALL;  // JavaScript called us
  set_sink(b, SINK_TASK);
  return error;
}

static bool has_frames(void) { return v8.get_frame && v8.add_gc && v8.remove_gc; }

int boundary_lacks(void) {
  boundary_symbols();
  int lacks = 0;
  if (!v8.current_isolate || !v8.add_entered || !v8.remove_entered) lacks |= LACKS_ENTERED;
  if (!v8.add_completed || !v8.remove_completed) lacks |= LACKS_COMPLETED;
  if (!v8.add_drained || !v8.remove_drained) lacks |= LACKS_DRAINED;
  if (!loop_is_known()) lacks |= LACKS_LOOP;
  if (!has_frames()) lacks |= LACKS_FRAMES;
  return lacks;
}

int boundary_install(struct boundary *b, napi_value on_owner, napi_value on_turn, bool frames) {
  int lacks = boundary_lacks() & (LACKS_ENTERED | LACKS_COMPLETED | LACKS_DRAINED);
  if (lacks) return lacks;
  b->isolate = v8.current_isolate();
  if (frames && has_frames()) {
    napi_value undefined;
    napi_get_undefined(b->env, &undefined);
    b->undefined_frame = *(uintptr_t *)undefined;
    v8.add_gc(b->isolate, collected, NULL, GC_ALL_TYPES);
    b->frames = true;
  } else {
    lacks |= LACKS_FRAMES;
  }
  napi_create_reference(b->env, on_owner, 1, &b->on_owner);
  napi_create_reference(b->env, on_turn, 1, &b->on_turn);
  here = b;
  v8.add_entered(b->isolate, entered);
  v8.add_completed(b->isolate, completed);
  v8.add_drained(b->isolate, drained, NULL);
  if (!loop_watch(&b->loop, b->env, about_to_block)) lacks |= LACKS_LOOP;
  // Installed from a microtask as often as from a call: the next boundary sets it right.
  sources_watch_gc(&b->sources);
  begin_section(b, IN_CALL);
  b->installed = true;
  stack_add(b);
  return lacks;
}

// Nobody is seen to have the thread from now on.
static void leave_for_good(struct boundary *b) {
  if (b->place != IN_LOOP) {
    account(b);
    end_section(b);
  }
  b->f64[F64_NATIVE + NATIVE_SECTION] = b->f64[F64_NATIVE + NATIVE_LEFT] = 0;
}

bool boundary_remove(struct boundary *b, struct closing *closing) {
  if (!b->installed) return false;
  b->installed = false;
  stack_remove(b);
  if (!closing) leave_for_good(b);  // else the environment ends, and the region may be unmapped by now
  v8.remove_entered(b->isolate, entered);
  v8.remove_completed(b->isolate, completed);
  v8.remove_drained(b->isolate, drained, NULL);
  if (b->frames) v8.remove_gc(b->isolate, collected, NULL);
  b->frames = false;
  bool pending = loop_unwatch(&b->loop, closing);
  if (b->on_owner) napi_delete_reference(b->env, b->on_owner);
  if (b->on_turn) napi_delete_reference(b->env, b->on_turn);
  b->on_owner = b->on_turn = NULL;
  here = NULL;
  return pending;
}

bool boundary_close(struct boundary *b, struct closing *closing) {
  bool pending = boundary_remove(b, closing);
  sources_close(&b->sources);
  clock_close(&b->clock);
  return pending;
}
