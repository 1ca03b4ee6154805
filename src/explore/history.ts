/**
 * The bugs of perf_counter's history that were about concurrency (kernel-semantics, section 5). Those that this design
 * can have are scenarios that pass on our core and fail on a mutant that has the bug again; for the others the reason.
 */
export interface Reproduced {
  readonly bug: string;
  readonly title: string;
  readonly scenario: string;
  readonly mutant: string;
}

export interface Impossible {
  readonly bug: string;
  readonly title: string;
  readonly reason: string;
}

export const REPRODUCED: readonly Reproduced[] = [
  {
    bug: 'H02',
    title: 'attach uses a context that the exit has freed',
    scenario: 'exit-attach-counted',
    mutant: 'use-before-get',
  },
  {
    bug: 'H02b',
    title: 'a reference is taken from zero while the exit drops the last',
    scenario: 'exit-attach-empty',
    mutant: 'get-unconditional',
  },
  {
    bug: 'H02c',
    title: "the exit comes between publication and the opener's reference",
    scenario: 'exit-attach-fresh',
    mutant: 'reference-after-publication',
  },
  {
    bug: 'H06',
    title: 'a counter is installed in a context that was exchanged at a lazy switch',
    scenario: 'swap-attach',
    mutant: 'install-stale',
  },
  {
    bug: 'H11',
    title: 'a sibling is linked to a leader that is being released',
    scenario: 'join-close-leader',
    mutant: 'leader-unchecked',
  },
  {
    bug: 'H16',
    title: 'an operation that arrives in the window of another is lost',
    scenario: 'pending-order',
    mutant: 'pending-by-store',
  },
  {
    bug: 'H26',
    title: 'a counter is installed for a task that has passed its exit',
    scenario: 'exit-attach-fresh',
    mutant: 'install-after-exit',
  },
  {
    bug: 'H28',
    title: 'enable meets the exit of the task',
    scenario: 'enable-exit',
    mutant: 'enable-after-exit',
  },
  {
    bug: 'H29',
    title: 'of two remote operations the first one wins',
    scenario: 'pending-order',
    mutant: 'pending-newest-first',
  },
  {
    bug: 'H34',
    title: 'a counter that the exit has taken off is taken off again',
    scenario: 'exit-close-leader',
    mutant: 'delete-twice',
  },
  {
    bug: 'H38',
    title: 'another CPU reads a value with the time of another moment',
    scenario: 'read-switch',
    mutant: 'switch-without-sequence',
  },
  {
    bug: 'H42',
    title: 'a counter is closed before it is installed',
    scenario: 'close-install',
    mutant: 'close-before-install',
  },
  {
    bug: 'H47',
    title: 'a new context is published on a task that has exited',
    scenario: 'exit-attach-fresh',
    mutant: 'exit-leaves-nothing',
  },
];

export const IMPOSSIBLE: readonly Impossible[] = [
  {
    bug: 'H03',
    title: 'release puts the task through a context that is gone',
    reason: 'neither a counter nor a context holds a reference on a task',
  },
  {
    bug: 'H09',
    title: 'fork during a swap',
    reason: 'the thread that owns the task does both, and JavaScript is not preempted between two statements',
  },
  {
    bug: 'H15',
    title: 'group detach and list removal in two sections',
    reason:
      'both are done by the owner without a safepoint between; readers see the sequence number odd (read-close)',
  },
  {
    bug: 'H17',
    title: 'a read interrupt that comes too late',
    reason: "nobody reads another thread's PMU: readers take what the owner wrote (read-switch)",
  },
  {
    bug: 'H21',
    title: 'the last put under a lock that is inner to what the put takes',
    reason: 'there are no locks (clone-cascade shows that the cascade frees each once)',
  },
  {
    bug: 'H22',
    title: 'close against inherit: a reference count rises from zero',
    reason:
      'children are counted by a word that only the owner of the family writes; close and fork are both its own',
  },
  {
    bug: 'H24',
    title: 'two openers move one group to another context',
    reason: 'groups do not move between contexts',
  },
  {
    bug: 'H25',
    title: 'a failed fork against close',
    reason: "a failed fork is undone before the owner's next safepoint, where a close can come in",
  },
  {
    bug: 'H31',
    title: "the parent's context cannot be pinned in fork",
    reason: 'fork needs no pin: only the forking thread could exchange the context',
  },
  {
    bug: 'H32',
    title: 'a child inherits from a leader that is being closed',
    reason: 'close and fork are both done by the owner, one after the other',
  },
  {
    bug: 'H35',
    title: 'two openers validate one leader before locking',
    reason: 'groups do not move between contexts',
  },
  {
    bug: 'H36',
    title: 'references of pending task work at exit',
    reason:
      'no work is queued on a task; what waits for a thread is handed on when it ends (end-open, reap-open)',
  },
  {
    bug: 'H37',
    title: 'release waits for a callback that only the waiter can run',
    reason: 'nobody waits for another thread',
  },
  {
    bug: 'H39',
    title: 'a PMU is unregistered under its events',
    reason: 'a PMU lives as long as its thread',
  },
  {
    bug: 'H41',
    title: 'overflow on one CPU while the event is removed on another',
    reason: 'overflow is found by the owner when it charges, never on another thread',
  },
  { bug: 'H43', title: 'a group operation deadlocks with itself', reason: 'there are no locks' },
  {
    bug: 'H44',
    title: 'clone marking races with unclone',
    reason:
      "fork and unclone are done by the owner alone (clone-fork); a clone's link holds a reference until then",
  },
  {
    bug: 'H45',
    title: 'enable is lost during fork',
    reason: 'a remote enable takes effect at a safepoint of the owner, and there is none inside fork',
  },
  {
    bug: 'H48',
    title: "a CPU's context is freed after hotplug",
    reason:
      "a thread's context is a slot like any other; a thread that takes a used thread slot makes its own",
  },
];
