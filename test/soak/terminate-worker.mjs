// Counts for a task of the thread that started it, in all ways that leave something behind, until it is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { currentTask, openCounter, runAs, spawn, taskOf } from 'taskperf';

const { task, seed } = workerData;
const EVENTS = ['task-clock', 'wall', 'page-faults'];
let turn = seed;

currentTask();
parentPort.postMessage('up');
for (;;) {
  const event = EVENTS[turn++ % EVENTS.length];
  await runAs(task, async () => {
    spawn('within', () => busy());
    const own = openCounter({ event, inherit: true });
    const theirs = openCounter({ event: 'task-clock', task: taskOf(task), inherit: true });
    await spawn('later', () => new Promise((resolve) => setImmediate(resolve)));
    theirs.disable();
    theirs.enable();
    own.close();
    if (turn % 2 === 0) theirs.close();
  });
  if (turn % 5 === 0) parentPort.postMessage('still');
}

function busy() {
  let sum = 0;
  for (let i = 0; i < 1000; i++) sum += Math.sqrt(i);
  return sum;
}
