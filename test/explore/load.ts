/** The explorer's modules as text, read by the same code as for the command. */
import type { Sources } from '#explore/link.js';
import type { Host } from '#explore/main.js';

interface Loader {
  readonly readSources: () => Sources;
  readonly locator: () => Host['locate'];
}

const { readSources, locator } = (await import(
  new URL('../../../scripts/explore-sources.mjs', import.meta.url).href
)) as Loader;

/** A reason to skip what costs minutes: schedules do not depend on the Node that goes through them, so one is enough. */
export const onceOnly: string | false =
  process.env['TASKPERF_TEST_NODE'] === undefined ? false : 'gone through on the first Node';

export const sources: Sources = readSources();
export const locate: Host['locate'] = locator();
