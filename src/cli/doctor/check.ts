/** One thing that was looked at: what was found, what it costs, and what would change it. */
export interface Check {
  readonly name: string;
  readonly found: string;
  readonly ok: boolean;
  /** In accuracy or overhead; null when it costs nothing. */
  readonly costs: string | null;
  /** Commands and settings to choose from, each with its place behind a `#`. */
  readonly remedy: readonly string[];
}

export function good(name: string, found: string): Check {
  return { name, found, ok: true, costs: null, remedy: [] };
}

export function lacking(name: string, found: string, costs: string, remedy: readonly string[]): Check {
  return { name, found, ok: false, costs, remedy };
}
