/** What requests are called before their route is known. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { StartNames } from '#node/start-names.js';

const UNNAMED = 0;

function table(nameSlots: number): { names: StartNames; texts: string[] } {
  const texts = ['(in flight)'];
  const intern = (text: string): number => {
    const known = texts.indexOf(text);
    return known === -1 ? texts.push(text) - 1 : known;
  };
  return { names: new StartNames({ names: { intern }, unnamed: UNNAMED, nameSlots }), texts };
}

void test('a path that was never seen is folded', () => {
  const { names, texts } = table(100);
  assert.equal(texts[names.of('GET', '/users/12345?page=2')], 'GET /users/:id');
  assert.equal(texts[names.of('POST', '/users/12345')], 'POST /users/:id');
});

void test('once its route is known requests of its kind begin with that', () => {
  const { names, texts } = table(100);
  const began = names.of('GET', '/users/12345');
  const route = texts.push('GET /users/:userId') - 1;
  names.learn('GET', '/users/12345', { began, name: route });
  assert.equal(names.of('GET', '/users/12345'), route, 'the same path');
  assert.equal(names.of('GET', '/users/77777'), route, 'another of its kind');
  assert.equal(texts[names.of('GET', '/users')], 'GET /users');
});

void test('paths that are no routes take a share of the names, and no more', () => {
  const { names, texts } = table(100);
  const given = Array.from({ length: 500 }, (_, i) =>
    names.of('GET', `/${'abcdefgh'.slice(i % 8)}${'x'.repeat(i % 37)}`),
  );
  assert.equal(texts.length - 1, 20);
  assert.ok(given.includes(UNNAMED));
});

void test('what is remembered is bounded', () => {
  const { names, texts } = table(1000);
  for (let i = 0; i < 5000; i++)
    assert.equal(texts[names.of('GET', `/orders/${i + 100_000}`)], 'GET /orders/:id');
  assert.equal(texts.length, 2);
});
