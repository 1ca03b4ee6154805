/** perf_event_open(2)'s error codes, with its meanings. */
export type ErrorCode = 'EACCES' | 'EBADF' | 'ECHILD' | 'EINVAL' | 'ENOENT' | 'ENOMEM' | 'ENOSPC' | 'ESRCH';

/** A fact of the caller's input or machine. The message names the value that was wrong and the remedy. */
export class TaskperfError extends Error {
  override name = 'TaskperfError';
  readonly code: ErrorCode;
  /** The value that was wrong. */
  readonly value: unknown;
  constructor(code: ErrorCode, message: string, value?: unknown) {
    super(message);
    this.code = code;
    this.value = value;
  }
}
