// Node-API glue of stack.h.
#define _GNU_SOURCE
#include "addon.h"
#include "stack.h"

enum { PATH_BYTES = 4096 };

// stacks(path, start): 0 or errno, -1: the runtime has no stacks. Without `start` a request starts it, later.
static napi_value stacks(napi_env env, napi_callback_info info) {
  size_t count = 2, length;
  napi_value argument[2];
  char path[PATH_BYTES];
  bool start;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 2 || napi_get_value_string_utf8(env, argument[0], path, sizeof path, &length) != napi_ok ||
      length >= sizeof path - 1 || napi_get_value_bool(env, argument[1], &start) != napi_ok)
    return addon_bad_argument(env, "stacks(path, start)");
  return addon_number(env, stack_prepare(path, start));
}

static napi_value stop_stacks(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  stack_stop();
  return NULL;
}

// wake(buffer, byteOffset): whoever waits on that word of a mapping
static napi_value wake(napi_env env, napi_callback_info info) {
  size_t count = 2, length;
  napi_value argument[2];
  double offset;
  void *data;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 2 || napi_get_arraybuffer_info(env, argument[0], &data, &length) != napi_ok ||
      napi_get_value_double(env, argument[1], &offset) != napi_ok || !(offset >= 0) || offset + 4 > (double)length ||
      (size_t)offset % 4 != 0)
    return addon_bad_argument(env, "wake(buffer, byteOffset)");
  stack_wake((int32_t *)((char *)data + (size_t)offset));
  return NULL;
}

void addon_stack(napi_env env, napi_value exports) {
  addon_export(env, exports, "stacks", stacks);
  addon_export(env, exports, "stopStacks", stop_stacks);
  addon_export(env, exports, "wake", wake);
}
