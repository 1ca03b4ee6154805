// What a perf event's page offers, found by opening one. Nothing stays open.
#ifndef TASKPERF_PROBE_H
#define TASKPERF_PROBE_H
#include <stdbool.h>

// May a thread compute the kernel's clock of its events itself (cap_user_time)? false also where perf events are refused.
bool probe_user_time(void);
#endif
