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

// The memory of a Float64Array with at least `least` elements, NULL when it is none.
static double *doubles_argument(napi_env env, napi_value value, size_t least) {
  napi_typedarray_type type;
  size_t length;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_float64_array || length < least)
    return NULL;
  return data;
}

// perfRead(fd, into): value, ns enabled and ns running into the first three doubles; 0 or an errno
static napi_value perf_read(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value argument[2];
  int32_t fd;
  double *into = NULL;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count == 2 && napi_get_value_int32(env, argument[0], &fd) == napi_ok)
    into = doubles_argument(env, argument[1], 3);
  if (!into) return addon_bad_argument(env, "perfRead(fd, Float64Array of 3)");
  uint64_t value, enabled, running;
  int error = perf_read_fd(fd, &value, &enabled, &running);
  if (error == 0) {
    into[0] = (double)value;
    into[1] = (double)enabled;
    into[2] = (double)running;
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

// childrenUsage(into): what the children that this process has waited for have used, and theirs: CPU time in ns (in steps
// of 1 us), minor and major faults, voluntary and involuntary switches, into the first five doubles
static napi_value children_usage(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument[1];
  struct rusage usage;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  double *into = count < 1 ? NULL : doubles_argument(env, argument[0], 5);
  if (!into) return addon_bad_argument(env, "childrenUsage(Float64Array of 5)");
  memset(&usage, 0, sizeof usage);
  getrusage(RUSAGE_CHILDREN, &usage);
  into[0] = (micros(usage.ru_utime) + micros(usage.ru_stime)) * 1000;
  into[1] = (double)usage.ru_minflt;
  into[2] = (double)usage.ru_majflt;
  into[3] = (double)usage.ru_nvcsw;
  into[4] = (double)usage.ru_nivcsw;
  return NULL;
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
  addon_export(env, exports, "childrenUsage", children_usage);
  addon_export(env, exports, "processCpu", process_cpu);
}
