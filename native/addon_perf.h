// What the tool calls: counters on threads of other processes (addon_perf.c), exported beside addon.c's own.
#ifndef TASKPERF_ADDON_PERF_H
#define TASKPERF_ADDON_PERF_H
#include <node_api.h>

void addon_perf_exports(napi_env env, napi_value exports);
#endif
