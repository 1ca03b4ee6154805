/** The faults of the simulated machine. */
export type FaultName = 'starve' | 'death' | 'stall' | 'steal' | 'refusal';

/** What can go wrong in the simulated machine, and how often it does (in 1,000 steps, when a run has it at all). */
export interface Fault {
  readonly name: FaultName;
  readonly sentence: string;
  readonly perMille: number;
}

export const FAULTS: readonly Fault[] = [
  { name: 'starve', perMille: 120, sentence: 'in one operation, the nth allocation of a kind fails' },
  {
    name: 'death',
    perMille: 4,
    sentence: 'a thread stops between two operations; the first thread reaps it later',
  },
  { name: 'stall', perMille: 20, sentence: 'a thread comes to no safepoint for up to 200 steps' },
  { name: 'steal', perMille: 300, sentence: 'the operating system takes time from a thread within a slice' },
  { name: 'refusal', perMille: 150, sentence: 'the PMU has no slot for a while, though fewer are taken' },
];
