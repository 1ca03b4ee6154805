// One handle in libuv's loop, which runs a callback each time before the loop waits.
#define _GNU_SOURCE
#include "loop.h"

#include <stdlib.h>

#include "symbols.h"

enum { UV_PREPARE_TYPE = 9 };

static struct {
  size_t (*handle_size)(int type);
  int (*prepare_init)(void *loop, void *handle);
  int (*prepare_start)(void *handle, void (*callback)(void *handle));
  int (*prepare_stop)(void *handle);
  void (*unref)(void *handle);
  void (*close)(void *handle, void (*callback)(void *handle));
  uint64_t (*metrics_idle_time)(void *loop);
} uv;

bool loop_is_known(void) {
  if (!uv.metrics_idle_time) {
    find_symbol(&uv.handle_size, "uv_handle_size");
    find_symbol(&uv.prepare_init, "uv_prepare_init");
    find_symbol(&uv.prepare_start, "uv_prepare_start");
    find_symbol(&uv.prepare_stop, "uv_prepare_stop");
    find_symbol(&uv.unref, "uv_unref");
    find_symbol(&uv.close, "uv_close");
    find_symbol(&uv.metrics_idle_time, "uv_metrics_idle_time");
  }
  return uv.handle_size && uv.prepare_init && uv.prepare_start && uv.prepare_stop && uv.unref && uv.close &&
         uv.metrics_idle_time;
}

bool loop_watch(struct loop *loop, napi_env env, void (*about_to_wait)(void *handle)) {
  if (!loop_is_known() || napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop->uv) != napi_ok) return false;
  loop->prepare = calloc(1, uv.handle_size(UV_PREPARE_TYPE));
  if (!loop->prepare) return false;
  uv.prepare_init(loop->uv, loop->prepare);
  uv.prepare_start(loop->prepare, about_to_wait);
  uv.unref(loop->prepare);
  return true;
}

// libuv owns the handle until its close callback; `data`, its first field, carries whom to tell.
static void closed(void *handle) {
  struct closing *closing = *(struct closing **)handle;
  free(handle);
  if (closing) closing->done(closing);
}

bool loop_unwatch(struct loop *loop, struct closing *closing) {
  if (!loop->prepare) return false;
  uv.prepare_stop(loop->prepare);
  *(struct closing **)loop->prepare = closing;
  uv.close(loop->prepare, closed);
  loop->prepare = NULL;
  return true;
}

uint64_t loop_idle_ns(const struct loop *loop) { return uv.metrics_idle_time(loop->uv); }
