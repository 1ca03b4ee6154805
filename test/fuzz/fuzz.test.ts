/** Damaged regions through the whole reading path; `npm run fuzz` runs millions. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { Fuzzer } from './fuzzer.ts';

const IMAGES = 2000;

for (const seed of [1, randomInt(2 ** 32)]) {
  test(`${IMAGES} damaged images, seed ${seed}`, () => {
    const fuzzer = new Fuzzer(BigInt(seed));
    for (let number = 0; number < IMAGES; number++) fuzzer.run(number);
    const { images, refused, noticed, plain, torn } = fuzzer.outcome;
    assert.equal(images, IMAGES);
    // All that can become of an image became of some: the fuzzer neither breaks everything nor nothing.
    for (const [what, count] of Object.entries({ refused, noticed, plain, torn }))
      assert.ok(count > IMAGES / 200, `${count} ${what}`);
  });
}
