/** Keys change the state, and nothing else. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { press } from '#cli/top/keys.js';
import type { Choices } from '#cli/top/keys.js';
import { initialState } from '#cli/top/state.js';
import type { State } from '#cli/top/state.js';

const CHOICES: Choices = {
  rows: ['a', 'b', 'c'],
  tasks: ['4711 1', '4711 2'],
  helpRest: 5,
  pageRows: 10,
  sortable: ['live', 'cpu', 'p99'],
};
const START = initialState('cpu', false);

/** The state after these keys; the last one must not leave. */
function after(keys: readonly string[], state: State = START): State {
  for (const key of keys) {
    const next = press(state, key, CHOICES);
    assert.notEqual(next, 'quit', key);
    state = next as State;
  }
  return state;
}

void test('q and Ctrl-C leave from every page', () => {
  for (const page of ['table', 'name', 'task', 'help'] as const)
    for (const key of ['q', 'CTRL_C']) assert.equal(press({ ...START, page }, key, CHOICES), 'quit');
});

void test('in a filter q is a letter, and Ctrl-C leaves', () => {
  assert.equal(after(['/', 'q']).filter, 'q');
  assert.equal(press(after(['/', 'q']), 'CTRL_C', CHOICES), 'quit');
});

void test('a filter takes effect as it is typed; Enter keeps it, Esc clears it', () => {
  assert.equal(after(['/', 'G', 'E', 'T', ' ', 'BACKSPACE', 'UP']).filter, 'GET');
  const kept = after(['/', 'x', 'ENTER']);
  assert.deepEqual([kept.filter, kept.typed], ['x', undefined]);
  assert.equal(after(['ESCAPE'], kept).filter, '');
  assert.equal(after(['/', 'x', 'ESCAPE']).filter, '');
});

void test('sorting moves over the columns that are shown, and round', () => {
  assert.equal(after(['>']).sorting.id, 'p99');
  assert.equal(after(['>', '>']).sorting.id, 'name');
  assert.equal(after(['LEFT']).sorting.id, 'live');
  assert.equal(after(['r']).sorting.isReversed, true);
  assert.equal(after(['r', '>']).sorting.isReversed, false);
});

void test('the choice stays within the rows', () => {
  assert.equal(after(['DOWN']).selected, 'b');
  assert.equal(after(['PAGE_DOWN']).selected, 'c');
  assert.equal(after(['END', 'k']).selected, 'b');
  assert.equal(after(['UP']).selected, 'a');
  assert.equal(after(['DOWN'], { ...START, selected: 'gone' }).selected, 'b');
});

void test('Enter goes into a name and on into a task; Esc comes back the same way', () => {
  const task = after(['DOWN', 'ENTER', 'DOWN', 'ENTER']);
  assert.deepEqual([task.page, task.selected, task.selectedTask], ['task', 'b', '4711 2']);
  assert.equal(after(['ESCAPE'], task).page, 'name');
  assert.equal(after(['ESCAPE', 'ESCAPE'], task).page, 'table');
});

void test('help goes back to where it was asked for', () => {
  assert.equal(after(['?', 'x']).page, 'table');
  assert.equal(after(['ENTER', 'h', 'x']).page, 'name');
  const moved = after(['?', 'DOWN', 'DOWN', 'UP']);
  assert.deepEqual([moved.page, moved.helpFrom], ['help', 1]);
  assert.equal(after(['?', 'END']).helpFrom, 5);
});

void test('no keys lead out of what there is', () => {
  const keys = [
    'UP',
    'DOWN',
    'ENTER',
    'ESCAPE',
    '/',
    'x',
    '<',
    '>',
    'r',
    ' ',
    'P',
    '?',
    'BACKSPACE',
    'END',
    'F1',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...keys), { maxLength: 40 }), (pressed) => {
      const state = after(pressed);
      assert.ok(state.selected === undefined || CHOICES.rows.includes(state.selected));
      assert.ok(state.typed === undefined || state.typed === state.filter);
      assert.ok(state.page !== 'task' || CHOICES.tasks.includes(state.selectedTask!));
    }),
  );
});
