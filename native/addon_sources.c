// Node-API glue of sources.h.
#define _GNU_SOURCE
#include "addon.h"

// Words per event in addGroup's array of specs.
enum { SPEC_WORDS = 5, EXCLUDE_USER = 1, EXCLUDE_KERNEL = 2 };
enum { IS_ON = 1, IS_USER_READABLE = 2 };
enum { TRIAL_NS = 20 * 1000 };

// addSource(kind, line): 0 or errno
static napi_value add_source(napi_env env, napi_callback_info info) {
  struct boundary *b = addon_boundary();
  size_t count = 2;
  napi_value argument[2];
  int32_t kind, line;
  napi_get_cb_info(env, info, &count, argument, NULL, NULL);
  if (count < 2 || napi_get_value_int32(env, argument[0], &kind) != napi_ok || kind < 0 || kind >= SOURCE_KINDS ||
      napi_get_value_int32(env, argument[1], &line) != napi_ok || line < 0 || line >= EVENT_LINES)
    return addon_bad_argument(env, "addSource(kind, line)");
  if (!b) return addon_bad_argument(env, "open the thread first");
  return addon_number(env, sources_open_single(&b->sources, (enum source_kind)kind, line));
}

// A group that fits the PMU may still not get on it, because others hold registers (the NMI watchdog of x86). Seen
// by trying: what it has missed must not grow while the thread runs.
static int state_of_last(struct perf_groups *perf) {
  double values[PERF_EVENTS_MAX], before[PERF_GROUPS_MAX], after[PERF_GROUPS_MAX];
  int group = perf_groups_count(perf) - 1;
  int64_t start = clock_thread_cpu(), now;
  perf_groups_read(perf, (double)start, values, before);
  do now = clock_thread_cpu();
  while (now - start < TRIAL_NS);
  perf_groups_read(perf, (double)now, values, after);
  int state = perf_group_user_readable(perf, group) ? IS_USER_READABLE : 0;
  return after[group] - before[group] < TRIAL_NS / 2 ? state | IS_ON : state;
}

static napi_value three(napi_env env, double first, double second, double third) {
  napi_value array;
  napi_create_array_with_length(env, 3, &array);
  napi_set_element(env, array, 0, addon_number(env, first));
  napi_set_element(env, array, 1, addon_number(env, second));
  napi_set_element(env, array, 2, addon_number(env, third));
  return array;
}

static bool lines_of(napi_env env, napi_value value, int **lines, size_t *count) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, count, &data, NULL, NULL) != napi_ok || type != napi_int32_array ||
      *count == 0 || *count > PERF_EVENTS_MAX)
    return false;
  *lines = data;
  for (size_t i = 0; i < *count; i++)
    if ((*lines)[i] < 0 || (*lines)[i] >= EVENT_LINES) return false;
  return true;
}

static bool specs_of(napi_env env, napi_value value, size_t count, struct perf_spec *specs) {
  napi_typedarray_type type;
  size_t words;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, &words, &data, NULL, NULL) != napi_ok ||
      type != napi_biguint64_array || words != count * SPEC_WORDS)
    return false;
  for (size_t i = 0; i < count; i++) {
    const uint64_t *word = (const uint64_t *)data + i * SPEC_WORDS;
    specs[i] = (struct perf_spec){(uint32_t)word[0], word[1], word[2], word[3], word[4] & EXCLUDE_USER,
                                  word[4] & EXCLUDE_KERNEL};
  }
  return true;
}

// addGroup(lines, specs, missedLine): [0, events, bits IS_*], or [errno, index of the event refused, 0]
static napi_value add_group(napi_env env, napi_callback_info info) {
  struct boundary *b = addon_boundary();
  size_t arguments = 3, count;
  napi_value argument[3];
  int *lines, missed, refused = 0;
  struct perf_spec specs[PERF_EVENTS_MAX];
  napi_get_cb_info(env, info, &arguments, argument, NULL, NULL);
  if (arguments < 3 || !lines_of(env, argument[0], &lines, &count) || !specs_of(env, argument[1], count, specs) ||
      napi_get_value_int32(env, argument[2], &missed) != napi_ok || missed < 0 || missed >= EVENT_LINES)
    return addon_bad_argument(env, "addGroup(Int32Array lines, BigUint64Array specs, missedLine)");
  if (!b) return addon_bad_argument(env, "open the thread first");
  int error = sources_open_group(&b->sources, specs, lines, (int)count, missed, &refused);
  if (error) return three(env, error, refused, 0);
  return three(env, 0, (double)count, state_of_last(&b->sources.perf));
}

// tryGroup(specs): as addGroup, on no line; the group is closed again. Needs no open thread.
static napi_value try_group(napi_env env, napi_callback_info info) {
  size_t arguments = 1, words;
  napi_value argument;
  napi_typedarray_type type;
  struct perf_spec specs[PERF_EVENTS_MAX];
  struct perf_groups perf = {0};
  int refused = 0;
  napi_get_cb_info(env, info, &arguments, &argument, NULL, NULL);
  if (arguments < 1 || napi_get_typedarray_info(env, argument, &type, &words, NULL, NULL, NULL) != napi_ok ||
      words == 0 || words > PERF_EVENTS_MAX * SPEC_WORDS || !specs_of(env, argument, words / SPEC_WORDS, specs))
    return addon_bad_argument(env, "tryGroup(BigUint64Array specs)");
  int error = perf_group_add(&perf, specs, (int)(words / SPEC_WORDS), &refused);
  if (error) return three(env, error, refused, 0);
  int state = state_of_last(&perf);
  perf_groups_close(&perf);
  return three(env, 0, (double)(words / SPEC_WORDS), state);
}

static napi_value remove_group(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  struct boundary *b = addon_boundary();
  if (b && b->sources.perf.groups > 0) sources_close_group(&b->sources);
  return NULL;
}

static napi_value remove_sources(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  struct boundary *b = addon_boundary();
  if (b) sources_close(&b->sources);
  return NULL;
}

// reads(): calls of read(2) for counts so far
static napi_value reads(napi_env env, napi_callback_info info) {
  (void)info;
  struct boundary *b = addon_boundary();
  return addon_number(env, b ? (double)b->sources.perf.reads : 0);
}

void addon_sources(napi_env env, napi_value exports) {
  addon_export(env, exports, "addSource", add_source);
  addon_export(env, exports, "addGroup", add_group);
  addon_export(env, exports, "tryGroup", try_group);
  addon_export(env, exports, "removeGroup", remove_group);
  addon_export(env, exports, "removeSources", remove_sources);
  addon_export(env, exports, "reads", reads);
}
