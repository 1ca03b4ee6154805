// The house rules of scripts/tidy.mjs, one test each.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../scripts/tidy.mjs', import.meta.url));
const output = execFileSync(process.execPath, [script, '--json'], { encoding: 'utf8' });
const results = JSON.parse(output) as { rule: string; problems: string[] }[];

describe('tidy', () => {
  for (const { rule, problems } of results) {
    test(rule, () => assert.deepEqual(problems, []));
  }
});
