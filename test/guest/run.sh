#!/bin/sh
# What the guest runs: every command is one that a user could type. What became of it goes to /tmp/out, where the tests on
# the host find it: NAME.json (the document, or what a program found out), NAME.stdout, NAME.stderr, NAME.status.
# busybox has no shorter way to become somebody else: env is nobody's shell.
NOBODY='su -m -s /busybox/env nobody --'
REFUSED='./refuse-perf 13'
MISSING='./refuse-perf 38'
ALL=instructions,cycles,task-clock
# The same two counts by twelve names, more than there are registers.
TWELVE=instructions:u,cycles:u,r8:u,r11:u,r08:u,r011:u
P=armv8_pmuv3
TWELVE=$TWELVE,$P/inst_retired/u,$P/cpu_cycles/u,$P/event=0x8/u,$P/event=0x11/u,$P/event=0x08/u,$P/event=0x011/u
export TWELVE

# run NAME COMMAND…
run() {
  name=$1
  shift
  "$@" > "/tmp/out/$name.stdout" 2> "/tmp/out/$name.stderr"
  echo $? > "/tmp/out/$name.status"
  echo "$(cut -d ' ' -f 1 /proc/uptime) $name: $(cat "/tmp/out/$name.status")"
}

# counted NAME AS OPTIONS… -- COMMAND…: taskperf stat, run by AS ('' is root).
counted() {
  name=$1
  as=$2
  shift 2
  # Nobody cannot write there, and the document is not what is to be tried.
  : > "/tmp/out/$name.json"
  chmod 666 "/tmp/out/$name.json"
  run "$name" $as node dist/cli/main.js stat --json -o "/tmp/out/$name.json" "$@"
}

with_pmu() {
  run kernel-forbidden ./perf-group agree
  echo 1 > /proc/sys/kernel/perf_user_access
  run kernel-agree ./perf-group agree
  run kernel-together ./perf-group together
  run library node library.mjs
  counted too-large '' -e "{$TWELVE}" -- touch /tmp/out/too-large.started
  counted twelve '' -e "$TWELVE" -- node long.mjs
  counted root '' --by task -e '{instructions:u,cycles:u},instructions,task-clock' -- node tasks.mjs
  echo 2 > /proc/sys/kernel/perf_event_paranoid
  TASKPERF_NO_RDPMC=1 counted nobody "$NOBODY" --by task -e instructions,cycles,task-clock -- node tasks.mjs
}

# Debian's kernel knows a perf_event_paranoid of 3, at which nobody may open anything, and has it from the start.
without_pmu() {
  counted absent '' -e $ALL -- node short.mjs
  counted missing "$MISSING" -e $ALL -- node short.mjs
  counted nobody "$NOBODY" -- node short.mjs
  counted nobody-asks "$NOBODY" -e $ALL -- touch /tmp/out/nobody-asks.started
  counted refused-asks "$REFUSED" -e $ALL -- touch /tmp/out/refused-asks.started
}

cd /app || exit 1
mkdir -p /tmp/out
chmod 755 /tmp/out
if [ -e /sys/bus/event_source/devices/armv8_pmuv3 ]; then with_pmu; else without_pmu; fi
