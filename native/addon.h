// What the files of Node-API glue share.
#ifndef TASKPERF_ADDON_H
#define TASKPERF_ADDON_H
#include <node_api.h>

#include "boundary.h"

// The calling thread's boundaries, NULL unless it has been opened.
struct boundary *addon_boundary(void);
napi_value addon_number(napi_env env, double value);
// Throws a TypeError and returns NULL.
napi_value addon_bad_argument(napi_env env, const char *message);
void addon_export(napi_env env, napi_value exports, const char *name, napi_callback callback);
// Each file's functions.
void addon_sources(napi_env env, napi_value exports);
void addon_stack(napi_env env, napi_value exports);
void addon_perf(napi_env env, napi_value exports);
void addon_probe(napi_env env, napi_value exports);
#endif
