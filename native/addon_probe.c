// Node-API glue of the questions that change nothing: which symbols the runtime has, what the kernel's pages offer.
#include "addon.h"

#include <string.h>

#include "probe.h"
#include "v8_counts.h"

// boundaryLacks(): LACKS_*, what install() would not find
static napi_value boundary_missing(napi_env env, napi_callback_info info) {
  (void)info;
  return addon_number(env, boundary_lacks());
}

// v8Lacks(): V8_LACKS_*, found by opening and closing
static napi_value v8_missing(napi_env env, napi_callback_info info) {
  (void)info;
  struct v8_counts counts;
  memset(&counts, 0, sizeof counts);
  int lacks = v8_counts_open(&counts, true, true);
  v8_counts_close(&counts);
  return addon_number(env, lacks);
}

// userTime(): 1 if a thread may compute the clock of its events itself, else 0
static napi_value user_time(napi_env env, napi_callback_info info) {
  (void)info;
  return addon_number(env, probe_user_time());
}

void addon_probe(napi_env env, napi_value exports) {
  addon_export(env, exports, "boundaryLacks", boundary_missing);
  addon_export(env, exports, "v8Lacks", v8_missing);
  addon_export(env, exports, "userTime", user_time);
}
