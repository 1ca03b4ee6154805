// Node-API glue for the tool: kernel counters on threads of other processes, and the CPU time of the command.
// As in addon.c: arguments are checked, failures of the system are errno numbers (here negative), no policy.
#define _GNU_SOURCE
#include "addon_perf.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "perf_open.h"

static napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

static napi_value bad_argument(napi_env env, const char *message) {
  napi_throw_type_error(env, "EINVAL", message);
  return NULL;
}

// The words of the kernel's attributes are 64 bits; a number is exact up to 2^53, a bigint is always.
static bool word_argument(napi_env env, napi_value value, uint64_t *word) {
  double plain;
  bool lossless;
  if (napi_get_value_bigint_uint64(env, value, word, &lossless) == napi_ok) return lossless;
  if (napi_get_value_double(env, value, &plain) != napi_ok || !(plain >= 0) || plain > 9007199254740992.0) return false;
  *word = (uint64_t)plain;
  return true;
}

static bool property(napi_env env, napi_value object, const char *name, napi_value *value) {
  return napi_get_named_property(env, object, name, value) == napi_ok;
}

static bool word_property(napi_env env, napi_value object, const char *name, uint64_t *word) {
  napi_value value;
  return property(env, object, name, &value) && word_argument(env, value, word);
}

static bool flag_property(napi_env env, napi_value object, const char *name, bool *flag) {
  napi_value value;
  return property(env, object, name, &value) && napi_get_value_bool(env, value, flag) == napi_ok;
}

static bool spec_argument(napi_env env, napi_value object, struct perf_spec *spec) {
  uint64_t type;
  if (!word_property(env, object, "type", &type) || type > UINT32_MAX) return false;
  spec->type = (uint32_t)type;
  return word_property(env, object, "config", &spec->config) && word_property(env, object, "config1", &spec->config1) &&
         word_property(env, object, "config2", &spec->config2) &&
         flag_property(env, object, "excludeUser", &spec->exclude_user) &&
         flag_property(env, object, "excludeKernel", &spec->exclude_kernel);
}

// perfOpen(tid, spec, inherit, enableOnExec): a descriptor, or a negative errno
static napi_value perf_open(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value argument[4];
  int32_t tid;
  struct perf_spec spec;
  bool inherit, on_exec;
  memset(&spec, 0, sizeof spec);
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 4 || napi_get_value_int32(env, argument[0], &tid) != napi_ok || tid < 0 ||
      !spec_argument(env, argument[1], &spec) || napi_get_value_bool(env, argument[2], &inherit) != napi_ok ||
      napi_get_value_bool(env, argument[3], &on_exec) != napi_ok)
    return bad_argument(env, "perfOpen(tid, spec, inherit, enableOnExec)");
  int fd;
  int error = perf_open_on(&spec, tid, inherit, on_exec, &fd);
  return number(env, error ? -error : fd);
}

// perfRead(fd, into): value, ns enabled and ns running into the first three doubles; 0 or an errno
static napi_value perf_read(napi_env env, napi_callback_info info) {
  size_t count = 2, length;
  napi_value argument[2];
  napi_typedarray_type type;
  int32_t fd;
  void *into;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 2 || napi_get_value_int32(env, argument[0], &fd) != napi_ok ||
      napi_get_typedarray_info(env, argument[1], &type, &length, &into, NULL, NULL) != napi_ok ||
      type != napi_float64_array || length < 3)
    return bad_argument(env, "perfRead(fd, Float64Array of 3)");
  uint64_t value, enabled, running;
  int error = perf_read_fd(fd, &value, &enabled, &running);
  if (error == 0) {
    double *words = into;
    words[0] = (double)value;
    words[1] = (double)enabled;
    words[2] = (double)running;
  }
  return number(env, error);
}

// perfClose(fd)
static napi_value perf_close(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument[1];
  int32_t fd;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 1 || napi_get_value_int32(env, argument[0], &fd) != napi_ok) return bad_argument(env, "perfClose(fd)");
  close(fd);
  return NULL;
}

static double micros(struct timeval t) { return (double)t.tv_sec * 1e6 + (double)t.tv_usec; }

// childrenCpu(): CPU time in ns of the children that this process has waited for, and of theirs; in steps of 1 us
static napi_value children_cpu(napi_env env, napi_callback_info info) {
  (void)info;
  struct rusage usage;
  memset(&usage, 0, sizeof usage);
  getrusage(RUSAGE_CHILDREN, &usage);
  return number(env, (micros(usage.ru_utime) + micros(usage.ru_stime)) * 1000);
}

// processCpu(pid): CPU time in ns of all threads that the process has and had, or a negative errno
static napi_value process_cpu(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument[1];
  int32_t pid;
  clockid_t clock;
  struct timespec t;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 1 || napi_get_value_int32(env, argument[0], &pid) != napi_ok || pid <= 0)
    return bad_argument(env, "processCpu(pid)");
  int error = clock_getcpuclockid(pid, &clock);
  if (error) return number(env, -error);
  if (clock_gettime(clock, &t) != 0) return number(env, -errno);
  return number(env, (double)t.tv_sec * 1e9 + (double)t.tv_nsec);
}

void addon_perf_exports(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback callback;
  } all[] = {
      {"perfOpen", perf_open},           {"perfRead", perf_read},         {"perfClose", perf_close},
      {"childrenCpu", children_cpu},     {"processCpu", process_cpu},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    napi_value function;
    if (napi_create_function(env, all[i].name, NAPI_AUTO_LENGTH, all[i].callback, NULL, &function) == napi_ok)
      napi_set_named_property(env, exports, all[i].name, function);
  }
}
