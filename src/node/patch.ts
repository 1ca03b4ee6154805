/** Replaces methods of Node's own classes and puts every one of them back. */
type Method = (this: never, ...args: never[]) => unknown;

export class Patches {
  readonly #undo: (() => void)[] = [];

  /** Gives `target` its own, non-enumerable method; `make` gets the one that was in force. */
  replace(target: object, name: string, make: (original: Method) => Method): void {
    const own = Object.getOwnPropertyDescriptor(target, name);
    const original = (target as Record<string, Method>)[name]!;
    const value = make(original);
    Object.defineProperty(value, 'name', { value: original.name, configurable: true });
    Object.defineProperty(value, 'length', { value: original.length, configurable: true });
    Object.defineProperty(target, name, {
      value,
      writable: true,
      configurable: true,
      enumerable: own?.enumerable ?? false,
    });
    this.#undo.push(() => {
      // Somebody has patched over us since: leave theirs, ours is inert without counters.
      if ((target as Record<string, Method>)[name] !== value) return;
      if (own === undefined) delete (target as Record<string, Method>)[name];
      else Object.defineProperty(target, name, own);
    });
  }

  onUndo(undo: () => void): void {
    this.#undo.push(undo);
  }

  undo(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}
