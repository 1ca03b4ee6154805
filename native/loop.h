// What is asked of libuv's loop: to tell when it goes to wait for events, and for how long it has had none.
#ifndef TASKPERF_LOOP_H
#define TASKPERF_LOOP_H
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

struct loop {
  void *uv;       // uv_loop_t
  void *prepare;  // uv_prepare_t; NULL: not watched
};

// Whom to tell that libuv has closed the last handle.
struct closing {
  void (*done)(struct closing *closing);
};

// Is all that is asked for in this runtime?
bool loop_is_known(void);
// Has `about_to_wait` called each time before the loop waits; it never keeps the program alive. false: it will not be.
bool loop_watch(struct loop *loop, napi_env env, void (*about_to_wait)(void *handle));
// true: libuv still closes a handle and calls closing->done (if given) when it has.
bool loop_unwatch(struct loop *loop, struct closing *closing);
// How long the loop has had nothing to do, ns. libuv looks for events first and counts only what it waits after there was
// none; Node.js has that on in every loop (performance.eventLoopUtilization). A thread that sleeps for another reason (its
// descriptor table grows, memory is mapped by another thread, io_uring) is not idle by this.
uint64_t loop_idle_ns(const struct loop *loop);
#endif
