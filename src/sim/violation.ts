/** What a run can find: an invariant that does not hold, or the core doing something else than the model. */
export class ViolationError extends Error {
  override name = 'ViolationError';
}

/** @throws ViolationError that names the invariant and says what was found. */
export function demand(holds: boolean, invariant: string, found: () => string): void {
  if (!holds) throw new ViolationError(`${invariant} is violated: ${found()}`);
}

export class DisagreementError extends Error {
  override name = 'DisagreementError';
}
