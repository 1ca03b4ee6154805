// Stacks of blocked threads. A thread of ours sleeps on a word of the region (a futex, so it costs nothing while nobody
// asks). The tool writes the number of a JavaScript thread there and wakes it; it asks that thread's isolate for an
// interrupt, and V8 calls us back at the thread's next call or turn of a loop, where the stack is taken by V8's C++ API:
// no JavaScript runs, and nothing the program can see changes. A thread that is parked in a system call or in native code
// does not come by, and says nothing.
//
//   tool ── H_STACK_WANTED, futex ──▶ our thread ── RequestInterrupt ──▶ the blocked thread ── text ──▶ T_BYTE_STACK
//
// An isolate may be disposed of at any moment (worker.terminate). Boundaries are listed here only while their isolate
// lives, and asked with the list locked. What V8 calls back gets no pointer of ours: it looks who is here.
#define _GNU_SOURCE
#include "stack.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boundary.h"
#include "region.h"
#include "symbols.h"

enum { FRAMES_MAX = 64, NAME_BYTES = 256, SCRIPT_BYTES = 1024, DETAILED = 0x7f };

// v8::Location: two ints, returned in a register.
struct location {
  int line, column;
};

// Handles (v8::Local) are pointers, and as such the same as Node-API's values.
static struct {
  void (*request_interrupt)(void *isolate, void (*callback)(void *isolate, void *data), void *data);
  void *(*current_stack)(void *isolate, int limit, int options);
  int (*frame_count)(void *stack);
  void *(*frame)(void *stack, void *isolate, uint32_t index);
  struct location (*location)(void *frame);
  napi_value (*script_name)(void *frame);
  napi_value (*function_name)(void *frame);
} v8;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct boundary *listed;
static pthread_t watcher;
static bool watching, stopping;
static int32_t *header;
static char path[4096];

static bool find_symbols(void) {
  if (v8.request_interrupt) return true;
  find_symbol(&v8.current_stack, "_ZN2v810StackTrace17CurrentStackTraceEPNS_7IsolateEiNS0_17StackTraceOptionsE");
  find_symbol(&v8.frame_count, "_ZNK2v810StackTrace13GetFrameCountEv");
  find_symbol(&v8.frame, "_ZNK2v810StackTrace8GetFrameEPNS_7IsolateEj");
  find_symbol(&v8.location, "_ZNK2v810StackFrame11GetLocationEv");
  find_symbol(&v8.script_name, "_ZNK2v810StackFrame24GetScriptNameOrSourceURLEv");
  find_symbol(&v8.function_name, "_ZNK2v810StackFrame15GetFunctionNameEv");
  if (!v8.current_stack || !v8.frame_count || !v8.frame || !v8.location || !v8.script_name || !v8.function_name) return false;
  find_symbol(&v8.request_interrupt, "_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_");
  return v8.request_interrupt != NULL;
}

static struct stack_area *area_of(const struct boundary *b) { return (struct stack_area *)((char *)b->words + BYTE_STACK); }

static const char *text_of(napi_env env, napi_value string, char *text, size_t size) {
  size_t length = 0;
  if (!string || napi_get_value_string_utf8(env, string, text, size, &length) != napi_ok || length == 0) return "(anonymous)";
  for (char *c = text; *c; c++)
    if ((unsigned char)*c < ' ') *c = ' ';  // one frame, one line
  return text;
}

// "name (file:line:col)" per frame. Frames that find no room are left out as a whole.
static void write_frames(struct boundary *b, struct stack_area *area) {
  void *stack = v8.current_stack(b->isolate, FRAMES_MAX, DETAILED);
  int count = stack ? v8.frame_count(stack) : 0, length = 0;
  area->cut = 0;
  for (int i = 0; i < count; i++) {
    char name_bytes[NAME_BYTES], script_bytes[SCRIPT_BYTES];
    void *frame = v8.frame(stack, b->isolate, (uint32_t)i);
    if (!frame) break;
    struct location at = v8.location(frame);
    const char *name = text_of(b->env, v8.function_name(frame), name_bytes, sizeof name_bytes);
    const char *script = text_of(b->env, v8.script_name(frame), script_bytes, sizeof script_bytes);
    int room = STACK_TEXT_BYTES - length;
    int wrote = snprintf(area->text + length, (size_t)room, "%s (%s:%d:%d)\n", name, script, at.line + 1, at.column + 1);
    if (wrote >= room) {
      area->cut = count - i;
      break;
    }
    length += wrote;
  }
  area->length = length;
}

// On the blocked thread, between two instructions of its JavaScript. V8 has opened a handle scope.
static void interrupted(void *isolate, void *data) {
  struct boundary *b = boundary_here();
  if (!b || b->isolate != isolate) return;
  struct stack_area *area = area_of(b);
  double section = b->f64[F64_NATIVE + NATIVE_SECTION];
  // Asked of a section that has ended meanwhile: of this one nobody has asked.
  if (b->place == IN_LOOP || section != area->asked_section) return;
  __atomic_store_n(&area->sequence, area->sequence | 1, __ATOMIC_RELAXED);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  write_frames(b, area);
  area->section = section;
  area->taken = (int32_t)(intptr_t)data;
  __atomic_store_n(&area->sequence, area->sequence + 1, __ATOMIC_RELEASE);
}

static void ask(int32_t index) {
  pthread_mutex_lock(&lock);
  for (struct boundary *b = listed; b; b = b->next_listed) {
    if (b->index != index || b->place == IN_LOOP) continue;
    struct stack_area *area = area_of(b);
    area->asked_section = b->f64[F64_NATIVE + NATIVE_SECTION];
    int32_t number = __atomic_add_fetch(&area->asked, 1, __ATOMIC_RELEASE);
    v8.request_interrupt(b->isolate, interrupted, (void *)(intptr_t)number);
  }
  pthread_mutex_unlock(&lock);
}

static void *watch(void *ignored) {
  int32_t *wanted = header + WORD_STACK_WANTED;
  while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
    int32_t number = __atomic_exchange_n(wanted, 0, __ATOMIC_ACQ_REL);
    if (number > 0) ask(number - 1);
    // Below 0 it is stack_stop, which is not to be slept over: its word has just been taken. Anything but 0 on the word: the
    // call returns at once. Not FUTEX_PRIVATE: the tool wakes us from another process.
    else if (number == 0) syscall(SYS_futex, wanted, FUTEX_WAIT, 0, NULL, NULL, 0);
  }
  return ignored;
}

// The thread must find its code whatever becomes of the environment that loaded us.
static void stay_loaded(void) {
  Dl_info info;
  if (dladdr((void *)&stay_loaded, &info) && info.dli_fname) dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

static int start_thread(void) {
  sigset_t all, before;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 * 1024);
  sigfillset(&all);
  // No signal of the program is ever delivered to a thread of ours.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&watcher, &attributes, watch, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (!error) pthread_setname_np(watcher, "taskperf");
  return error;
}

static int start(void) {
  if (watching) return 0;
  if (!*path) return ENOENT;
  if (!find_symbols()) return STACK_NO_SYMBOLS;
  void *mapping = header;
  // Mapped once more, and for good: the program's own mapping goes with its environment.
  int error = header ? 0 : region_map(path, HEADER_BYTES, false, &mapping);
  if (error) return error;
  header = mapping;
  stopping = false;
  stay_loaded();
  error = start_thread();
  watching = error == 0;
  return error;
}

static void set_state(struct boundary *b) {
  area_of(b)->state = watching ? STACK_WATCHED : find_symbols() ? STACK_UNWATCHED : STACK_LACKING;
}

int stack_prepare(const char *file, bool now) {
  pthread_mutex_lock(&lock);
  snprintf(path, sizeof path, "%s", file);
  int error = now ? start() : 0;
  for (struct boundary *b = listed; b; b = b->next_listed) set_state(b);
  pthread_mutex_unlock(&lock);
  return error;
}

// The request that was seen is left to the thread.
void stack_asked(int32_t *wanted) {
  pthread_mutex_lock(&lock);
  bool starts = !watching && start() == 0;
  if (!watching) __atomic_store_n(wanted, 0, __ATOMIC_RELAXED);  // it cannot be answered
  for (struct boundary *b = listed; starts && b; b = b->next_listed) set_state(b);
  pthread_mutex_unlock(&lock);
}

void stack_stop(void) {
  pthread_mutex_lock(&lock);
  bool ends = watching;
  watching = false;
  __atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
  for (struct boundary *b = listed; b; b = b->next_listed) set_state(b);
  pthread_mutex_unlock(&lock);
  if (!ends) return;
  // Between its look at `stopping` and its sleep the word must not be 0, or it would miss the call.
  __atomic_store_n(header + WORD_STACK_WANTED, INT32_MIN, __ATOMIC_RELEASE);
  stack_wake(header + WORD_STACK_WANTED);
  pthread_join(watcher, NULL);
  __atomic_store_n(header + WORD_STACK_WANTED, 0, __ATOMIC_RELEASE);
  // The next time it may be another region.
  region_unmap(header, HEADER_BYTES);
  header = NULL;
}

void stack_add(struct boundary *b) {
  pthread_mutex_lock(&lock);
  b->next_listed = listed;
  listed = b;
  set_state(b);
  pthread_mutex_unlock(&lock);
}

void stack_remove(struct boundary *b) {
  pthread_mutex_lock(&lock);
  for (struct boundary **at = &listed; *at; at = &(*at)->next_listed) {
    if (*at != b) continue;
    *at = b->next_listed;
    break;
  }
  pthread_mutex_unlock(&lock);
}

void stack_unmapped(const void *data, size_t bytes) {
  pthread_mutex_lock(&lock);
  for (struct boundary **at = &listed; *at;) {
    size_t offset = (size_t)((const char *)(*at)->words - (const char *)data);
    if (offset < bytes) *at = (*at)->next_listed;
    else at = &(*at)->next_listed;
  }
  pthread_mutex_unlock(&lock);
}

void stack_wake(int32_t *wanted) { syscall(SYS_futex, wanted, FUTEX_WAKE, 1, NULL, NULL, 0); }

_Static_assert(sizeof(struct stack_area) == 4096, "the stack is as stack-text.ts has it");
