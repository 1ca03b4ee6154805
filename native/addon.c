// Node-API glue: checks arguments, calls clock / region / boundary, returns numbers. No policy: TypeScript decides.
// One `struct boundary` per environment (the main thread and each worker).
#define _GNU_SOURCE
#include <node_api.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon.h"
#include "boundary.h"
#include "region.h"

enum { PATH_BYTES = 4096 };

struct environment {
  struct closing closing;  // first: `done` gets back to the environment
  struct boundary boundary;
  napi_async_cleanup_hook_handle hook;
  bool open;
};

static _Thread_local struct environment *thread_environment;

struct boundary *addon_boundary(void) {
  return thread_environment && thread_environment->open ? &thread_environment->boundary : NULL;
}

napi_value addon_number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

static bool string_argument(napi_env env, napi_value value, char *text) {
  size_t length;
  return napi_get_value_string_utf8(env, value, text, PATH_BYTES, &length) == napi_ok && length < PATH_BYTES - 1;
}

napi_value addon_bad_argument(napi_env env, const char *message) {
  napi_throw_type_error(env, "EINVAL", message);
  return NULL;
}

static void unmap(napi_env env, void *data, void *hint) {
  (void)env;
  stack_unmapped(data, (size_t)hint);
  region_unmap(data, (size_t)hint);
}

// map(path, bytes, create): ArrayBuffer, or errno as a number
static napi_value map(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value argument[3], result;
  char path[PATH_BYTES];
  double bytes;
  bool create;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 3 || !string_argument(env, argument[0], path) ||
      napi_get_value_double(env, argument[1], &bytes) != napi_ok || !(bytes > 0) ||
      napi_get_value_bool(env, argument[2], &create) != napi_ok)
    return addon_bad_argument(env, "map(path, bytes, create)");
  void *data;
  int error = region_map(path, (size_t)bytes, create, &data);
  if (error) return addon_number(env, error);
  if (napi_create_external_arraybuffer(env, data, (size_t)bytes, unmap, (void *)(size_t)bytes, &result) != napi_ok) {
    region_unmap(data, (size_t)bytes);
    return addon_bad_argument(env, "external buffers are not allowed in this runtime");
  }
  return result;
}

// share(bytes): ArrayBuffer over the memory of all threads, or errno as a number
static napi_value share(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument[1], result;
  double bytes;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 1 || napi_get_value_double(env, argument[0], &bytes) != napi_ok || !(bytes > 0))
    return addon_bad_argument(env, "share(bytes)");
  void *data;
  int error = region_share((size_t)bytes, &data);
  if (error) return addon_number(env, error);
  if (napi_create_external_arraybuffer(env, data, (size_t)bytes, NULL, NULL, &result) != napi_ok)
    return addon_bad_argument(env, "external buffers are not allowed in this runtime");
  return result;
}

// reserve(path, offset, bytes): 0 or errno
static napi_value reserve(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value argument[3];
  char path[PATH_BYTES];
  double offset, bytes;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 3 || !string_argument(env, argument[0], path) ||
      napi_get_value_double(env, argument[1], &offset) != napi_ok || !(offset >= 0) ||
      napi_get_value_double(env, argument[2], &bytes) != napi_ok || !(bytes > 0))
    return addon_bad_argument(env, "reserve(path, offset, bytes)");
  return addon_number(env, region_reserve(path, (size_t)offset, (size_t)bytes));
}

// open(buffer, byteOffset): the thread's slot; 0, or an errno: the CPU clock is estimated
static napi_value open_thread(napi_env env, napi_callback_info info) {
  struct environment *e = thread_environment;
  size_t count = 2, length;
  napi_value argument[2];
  double offset;
  void *data;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 2 || napi_get_arraybuffer_info(env, argument[0], &data, &length) != napi_ok ||
      napi_get_value_double(env, argument[1], &offset) != napi_ok || !(offset >= 0) || offset + SLOT_BYTES > (double)length ||
      (size_t)offset % sizeof(double) != 0)
    return addon_bad_argument(env, "open(buffer, byteOffset)");
  if (!e || e->open) return addon_bad_argument(env, "this thread is open already");
  int error = boundary_open(&e->boundary, env, data, (size_t)offset);
  e->open = true;
  return addon_number(env, error);
}

static napi_value close_thread(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  struct environment *e = thread_environment;
  if (e && e->open) {
    boundary_close(&e->boundary, NULL);
    e->open = false;
  }
  return NULL;
}

// install(onOwner, onTurn, frames): bit mask of what is missing
static napi_value install(napi_env env, napi_callback_info info) {
  struct environment *e = thread_environment;
  size_t count = 3;
  napi_value argument[3];
  bool frames;
  napi_valuetype owner, turn;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 3 || napi_typeof(env, argument[0], &owner) != napi_ok || owner != napi_function ||
      napi_typeof(env, argument[1], &turn) != napi_ok || turn != napi_function ||
      napi_get_value_bool(env, argument[2], &frames) != napi_ok)
    return addon_bad_argument(env, "install(onOwner, onTurn, frames)");
  if (!e || !e->open || e->boundary.installed) return addon_bad_argument(env, "open the thread first, install once");
  return addon_number(env, boundary_install(&e->boundary, argument[0], argument[1], frames));
}

// skipNobody(skip)
static napi_value skip_nobody(napi_env env, napi_callback_info info) {
  struct environment *e = thread_environment;
  size_t count = 1;
  napi_value argument[1];
  bool skip;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 1 || napi_get_value_bool(env, argument[0], &skip) != napi_ok) return addon_bad_argument(env, "skipNobody(skip)");
  if (e && e->open) boundary_skip_nobody(&e->boundary, skip);
  return NULL;
}

static napi_value nobody(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  struct environment *e = thread_environment;
  if (e && e->open) boundary_nobody(&e->boundary);
  return NULL;
}

static napi_value uninstall(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  if (thread_environment && thread_environment->open) boundary_remove(&thread_environment->boundary, NULL);
  return NULL;
}

static napi_value charge(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  struct environment *e = thread_environment;
  if (e && e->open) boundary_charge(&e->boundary);
  return NULL;
}

static napi_value frame(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  return boundary_frame();
}

static napi_value resyncs(napi_env env, napi_callback_info info) {
  (void)info;
  struct environment *e = thread_environment;
  return addon_number(env, e && e->open ? (double)e->boundary.clock.resyncs : 0);
}

// threadCpu(): CPU time of this thread in ns by the plain syscall, the truth that tests measure against
static napi_value thread_cpu(napi_env env, napi_callback_info info) {
  (void)info;
  return addon_number(env, (double)clock_thread_cpu());
}

// watch(): how this thread's preemption is seen or, before open, would be: 0 not at all, 1 rseq, 2 perf event
static napi_value watch(napi_env env, napi_callback_info info) {
  (void)info;
  struct environment *e = thread_environment;
  if (e && e->open) return addon_number(env, e->boundary.clock.preemption.watch);
  struct preemption probe;
  preemption_open(&probe);
  enum watch found = probe.watch;
  preemption_close(&probe);
  return addon_number(env, found);
}

static napi_value thread_id(napi_env env, napi_callback_info info) {
  (void)info;
  return addon_number(env, (double)syscall(SYS_gettid));
}

static void closed(struct closing *closing) {
  struct environment *e = (struct environment *)closing;
  napi_remove_async_cleanup_hook(e->hook);
  free(e);
}

// The environment ends (also a terminated worker's). Asynchronous, because libuv frees our handle only in a later turn
// of the loop and Node aborts when a worker's loop still has one.
static void cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  struct environment *e = data;
  e->hook = hook;
  e->closing.done = closed;
  if (thread_environment == e) thread_environment = NULL;
  bool open = e->open;
  e->open = false;
  if (!open || !boundary_close(&e->boundary, &e->closing)) closed(&e->closing);
}

static void export_number(napi_env env, napi_value exports, const char *name, double value) {
  napi_set_named_property(env, exports, name, addon_number(env, value));
}

void addon_export(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  struct environment *e = calloc(1, sizeof *e);
  if (!e || napi_add_async_cleanup_hook(env, cleanup, e, &e->hook) != napi_ok) {
    free(e);
    return addon_bad_argument(env, "out of memory");
  }
  // Loaded a second time (process.dlopen, a cleared require.cache): the thread stays with the one that counts.
  if (!thread_environment || !thread_environment->open) thread_environment = e;
  boundary_symbols();
  addon_export(env, exports, "map", map);
  addon_export(env, exports, "share", share);
  addon_export(env, exports, "reserve", reserve);
  addon_export(env, exports, "open", open_thread);
  addon_export(env, exports, "close", close_thread);
  addon_export(env, exports, "install", install);
  addon_export(env, exports, "uninstall", uninstall);
  addon_export(env, exports, "charge", charge);
  addon_export(env, exports, "nobody", nobody);
  addon_export(env, exports, "skipNobody", skip_nobody);
  addon_export(env, exports, "frame", frame);
  addon_export(env, exports, "resyncs", resyncs);
  addon_export(env, exports, "threadCpu", thread_cpu);
  addon_export(env, exports, "threadId", thread_id);
  addon_export(env, exports, "watch", watch);
  addon_sources(env, exports);
  addon_perf(env, exports);
  addon_stack(env, exports);
  addon_probe(env, exports);
  export_number(env, exports, "WORD_CHARGING", WORD_CHARGING);
  export_number(env, exports, "WORD_RESUME", WORD_RESUME);
  export_number(env, exports, "WORD_TURN", WORD_TURN);
  export_number(env, exports, "F64_BOUNDARIES", F64_BOUNDARIES);
  export_number(env, exports, "F64_TOTAL", F64_TOTAL);
  export_number(env, exports, "F64_UNATTRIBUTED", F64_UNATTRIBUTED);
  export_number(env, exports, "F64_LOOP", F64_LOOP);
  export_number(env, exports, "F64_IDLE", F64_IDLE);
  export_number(env, exports, "SLOT_BYTES", SLOT_BYTES);
  export_number(env, exports, "EVENT_LINES", EVENT_LINES);
  export_number(env, exports, "F64_CHARGEABLE", F64_CHARGEABLE);
  export_number(env, exports, "F64_NATIVE", F64_NATIVE);
  export_number(env, exports, "WORD_EVENT_TABLE", WORD_EVENT_TABLE);
  export_number(env, exports, "EVENT_ROW_WORDS", EVENT_ROW_WORDS);
  export_number(env, exports, "WORD_EVENT_FLAGS", WORD_EVENT_FLAGS);
  export_number(env, exports, "FLAG_EVENT_FAILED", FLAG_EVENT_FAILED);
  export_number(env, exports, "LINE_TASK_CLOCK", LINE_TASK_CLOCK);
  export_number(env, exports, "LINE_CPU_CLOCK", LINE_CPU_CLOCK);
  export_number(env, exports, "NATIVE_WORDS", NATIVE_WORDS);
  export_number(env, exports, "WORD_BLOCKED_MS", WORD_BLOCKED_MS);
  export_number(env, exports, "WORD_SEQUENCE", WORD_SEQUENCE);
  export_number(env, exports, "WORD_CURRENT", WORD_CURRENT);
  export_number(env, exports, "WORD_ROOT", WORD_ROOT);
  export_number(env, exports, "F64_SINCE", F64_SINCE);
  export_number(env, exports, "F64_SWITCHES", F64_SWITCHES);
  export_number(env, exports, "BYTE_SWITCHES", BYTE_SWITCHES);
  export_number(env, exports, "BYTE_BLOCKAGES", BYTE_BLOCKAGES);
  export_number(env, exports, "BYTE_BEHIND", BYTE_BEHIND);
  export_number(env, exports, "WORD_STACK_WANTED", WORD_STACK_WANTED);
  export_number(env, exports, "BYTE_STACK", BYTE_STACK);
  export_number(env, exports, "STACK_TEXT_BYTES", STACK_TEXT_BYTES);
  export_number(env, exports, "SLICE_MIN_NS", SLICE_MIN_NS);
  export_number(env, exports, "SWITCH_RECORDS", SWITCH_RECORDS);
  export_number(env, exports, "SLICE_RECORDS", SLICE_RECORDS);
  export_number(env, exports, "BLOCKAGE_RECORDS", BLOCKAGE_RECORDS);
  export_number(env, exports, "WHO_SEVERAL", WHO_SEVERAL);
  return exports;
}
