#!/bin/sh
# What the guest runs; its answer is in /tmp/out/instructions.json. Counters may be read in user space, as on x86.
echo 1 > /proc/sys/kernel/perf_user_access
exec node drive.mjs
