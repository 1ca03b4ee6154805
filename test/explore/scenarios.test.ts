// All schedules of every scenario but those of reading: `npm run explore` prints how many there are.
import { SCENARIOS } from '#explore/scenarios/index.js';
import { READ } from '#explore/scenarios/read.js';
import { allSchedulesOf } from './every-schedule.ts';

allSchedulesOf(SCENARIOS.filter((scenario) => !READ.includes(scenario)));
