/** Why a long test does not run: nothing in the simulation depends on the version of Node, so one version is enough. */
export function skipLong(): string | false {
  const other = process.env['TASKPERF_TEST_NODE'];
  return other === undefined ? false : 'runs on the first Node version only';
}
