// Node-API glue for the tool: kernel counters on threads of other processes, and the CPU time of the command.
// As in addon.c: arguments are checked, failures of the system are errno numbers (here negative), no policy.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "addon.h"
#include "perf_open.h"

// The words of the kernel's attributes are 64 bits: bigints.
static bool word_property(napi_env env, napi_value object, const char *name, uint64_t *word) {
  napi_value value;
  bool lossless;
  return napi_get_named_property(env, object, name, &value) == napi_ok &&
         napi_get_value_bigint_uint64(env, value, word, &lossless) == napi_ok && lossless;
}

static bool flag_property(napi_env env, napi_value object, const char *name, bool *flag) {
  napi_value value;
  return napi_get_named_property(env, object, name, &value) == napi_ok &&
         napi_get_value_bool(env, value, flag) == napi_ok;
}

static bool spec_argument(napi_env env, napi_value object, struct perf_spec *spec) {
  napi_value type;
  return napi_get_named_property(env, object, "type", &type) == napi_ok &&
         napi_get_value_uint32(env, type, &spec->type) == napi_ok &&
         word_property(env, object, "config", &spec->config) && word_property(env, object, "config1", &spec->config1) &&
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
    return addon_bad_argument(env, "perfOpen(tid, spec, inherit, enableOnExec)");
  int fd;
  int error = perf_open_on(&spec, tid, inherit, on_exec, &fd);
  return addon_number(env, error ? -error : fd);
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
    return addon_bad_argument(env, "perfRead(fd, Float64Array of 3)");
  uint64_t value, enabled, running;
  int error = perf_read_fd(fd, &value, &enabled, &running);
  if (error == 0) {
    double *words = into;
    words[0] = (double)value;
    words[1] = (double)enabled;
    words[2] = (double)running;
  }
  return addon_number(env, error);
}

// perfClose(fd)
static napi_value perf_close(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument[1];
  int32_t fd;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 1 || napi_get_value_int32(env, argument[0], &fd) != napi_ok) return addon_bad_argument(env, "perfClose(fd)");
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
  return addon_number(env, (micros(usage.ru_utime) + micros(usage.ru_stime)) * 1000);
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
    return addon_bad_argument(env, "processCpu(pid)");
  int error = clock_getcpuclockid(pid, &clock);
  if (error) return addon_number(env, -error);
  if (clock_gettime(clock, &t) != 0) return addon_number(env, -errno);
  return addon_number(env, (double)t.tv_sec * 1e9 + (double)t.tv_nsec);
}

void addon_perf(napi_env env, napi_value exports) {
  addon_export(env, exports, "perfOpen", perf_open);
  addon_export(env, exports, "perfRead", perf_read);
  addon_export(env, exports, "perfClose", perf_close);
  addon_export(env, exports, "childrenCpu", children_cpu);
  addon_export(env, exports, "processCpu", process_cpu);
}
