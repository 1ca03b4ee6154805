// Node-API glue of the questions that change nothing: which counters open, and which symbols the runtime has.
#include "addon.h"

#include <string.h>

#include "probe.h"
#include "v8_counts.h"

static bool config_argument(napi_env env, napi_value value, uint64_t *config) {
  double plain;
  if (napi_get_value_double(env, value, &plain) != napi_ok || !(plain >= 0)) return false;
  *config = (uint64_t)plain;
  return true;
}

// perfProbe(type, config, member, excludeKernel, into): 0 or the errno that refused the counter; how many of `member`
// fit a group with it, itself counted, and PROBE_* of its page go to the first two doubles. member null: no group.
static napi_value perf_probe(napi_env env, napi_callback_info info) {
  size_t count = 5, length;
  napi_value argument[5];
  struct perf_spec first, second;
  struct probe found = {0, 0};
  napi_valuetype member;
  napi_typedarray_type type;
  void *into;
  memset(&first, 0, sizeof first);
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  bool well_formed = count == 5 && napi_get_value_uint32(env, argument[0], &first.type) == napi_ok &&
                     config_argument(env, argument[1], &first.config) &&
                     napi_typeof(env, argument[2], &member) == napi_ok &&
                     napi_get_value_bool(env, argument[3], &first.exclude_kernel) == napi_ok &&
                     napi_get_typedarray_info(env, argument[4], &type, &length, &into, NULL, NULL) == napi_ok &&
                     type == napi_float64_array && length >= 2;
  second = first;
  if (!well_formed || (member != napi_null && !config_argument(env, argument[2], &second.config))) 
    return addon_bad_argument(env, "perfProbe(type, config, member, excludeKernel, Float64Array of 2)");
  int error = probe_counter(&first, member == napi_null ? NULL : &second, &found);
  double *words = into;
  words[0] = found.group;
  words[1] = found.page;
  return addon_number(env, error);
}

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

void addon_probe(napi_env env, napi_value exports) {
  addon_export(env, exports, "perfProbe", perf_probe);
  addon_export(env, exports, "boundaryLacks", boundary_missing);
  addon_export(env, exports, "v8Lacks", v8_missing);
}
