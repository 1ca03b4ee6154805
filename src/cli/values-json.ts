/** Values of events as the document has them. */
import type { EventInfo } from '../core/events.ts';

/** null: it never had its turn on the PMU while this ran. */
export type ValuesJson = Readonly<Record<string, { readonly value: number | null }>>;

/** The values of the given events, by name. */
export function valuesJson(events: readonly EventInfo[], values: Float64Array): ValuesJson {
  const shown = (value: number): number | null => (Number.isNaN(value) ? null : value);
  return Object.fromEntries(events.map((event) => [event.name, { value: shown(values[event.id]!) }]));
}
