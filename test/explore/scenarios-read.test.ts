// All schedules of the scenarios of reading.
import { READ } from '#explore/scenarios/read.js';
import { allSchedulesOf } from './every-schedule.ts';

allSchedulesOf(READ);
