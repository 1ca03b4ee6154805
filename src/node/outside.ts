/** Calls out of the async context of whoever is the first to need something that stays. */
import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Calls its argument in the context in which this module was loaded. What is made there keeps nothing of a request: a
 * channel or a timer keeps the stores of the context it was made in (AsyncLocalStorage) as long as it lives.
 */
export const outside: <R>(fn: () => R) => R = AsyncLocalStorage.snapshot();
