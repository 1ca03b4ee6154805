// What `taskperf doctor` asks of the machine and of the runtime (addon_probe.c), exported beside addon.c's own.
#ifndef TASKPERF_ADDON_PROBE_H
#define TASKPERF_ADDON_PROBE_H
#include <node_api.h>

void addon_probe_exports(napi_env env, napi_value exports);
#endif
