// counted.node: loop(rounds) executes two instructions a round, and what it takes to be called, which is the same for any
// number of rounds.
#include <node_api.h>

static napi_value loop(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  double rounds = 0;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  napi_get_value_double(env, argument, &rounds);
  // At least one round, so that the loop is the same code for all.
  uint64_t left = (uint64_t)rounds + 1;
  __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(left) : : "cc");
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "loop", NAPI_AUTO_LENGTH, loop, NULL, &function);
  napi_set_named_property(env, exports, "loop", function);
  return exports;
}
