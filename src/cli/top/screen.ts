/**
 * The terminal, by terminal-kit: an alternate screen, of which only the cells that changed are written, and keys by name.
 * Whatever ends the tool, the terminal is given back as it was.
 */
import { createRequire } from 'node:module';
import type TerminalKit from 'terminal-kit';
import { clipped } from './lines.ts';
import type { Line, Tone } from './lines.ts';
import type { Size } from './table-page.ts';

type Attributes = TerminalKit.ScreenBuffer.Attributes;

/**
 * Colours of the terminal's own palette, told apart by people who do not see red and green as different: blue, yellow,
 * cyan and magenta. Red is only ever an addition to "!" and bold.
 */
const COLORS: Readonly<Record<Tone, Attributes>> = {
  plain: {},
  bold: { bold: true },
  dim: { color: 'gray' },
  heading: { underline: true },
  alarm: { color: 'brightRed', bold: true },
  tasks: { color: 'brightBlue' },
  other: { color: 'cyan' },
  loop: { color: 'yellow' },
  gc: { color: 'brightMagenta', bold: true },
  idle: { color: 'gray' },
};
const WITHOUT_COLORS: Readonly<Record<Tone, Attributes>> = {
  ...COLORS,
  dim: {},
  alarm: { bold: true },
  tasks: {},
  other: {},
  loop: {},
  gc: { bold: true },
  idle: {},
};

export interface ScreenEvents {
  readonly onKey: (name: string) => void;
  readonly onResize: () => void;
}

export class Screen {
  readonly #terminal: TerminalKit.Terminal;
  readonly #buffer: TerminalKit.ScreenBuffer;
  readonly #attributes: Readonly<Record<Tone, Attributes>>;
  readonly #events: ScreenEvents;
  readonly #giveBack = (): void => this.close();
  #isOpen = false;

  constructor(color: boolean, events: ScreenEvents) {
    // Loaded for this command only: it takes 30 ms.
    const kit = createRequire(import.meta.url)('terminal-kit') as typeof TerminalKit;
    this.#attributes = color ? COLORS : WITHOUT_COLORS;
    this.#terminal = kit.terminal;
    this.#buffer = new kit.ScreenBuffer({ dst: this.#terminal });
    this.#events = events;
    this.#terminal.on('key', events.onKey);
    this.#terminal.on('resize', () => {
      this.#fit();
      events.onResize();
    });
  }

  open(): void {
    this.#isOpen = true;
    this.#terminal.fullscreen(true);
    this.#terminal.hideCursor();
    this.#terminal.grabInput(true);
    this.#fit();
    process.once('exit', this.#giveBack);
    // Before the stack is printed, so that it is not on the screen that goes.
    process.once('uncaughtExceptionMonitor', this.#giveBack);
  }

  /**
   * As Ctrl-Z does where the terminal is not ours: until the shell lets the tool go on. The kernel stops us within the call,
   * and does not where no shell could: in an orphaned process group (`tmux new 'taskperf top'`). Then we just go on.
   */
  suspend(): void {
    this.close();
    process.kill(process.pid, 'SIGTSTP');
    this.open();
    this.#events.onResize();
  }

  get size(): Size {
    return { width: this.#terminal.width, height: this.#terminal.height };
  }

  draw(lines: readonly Line[]): void {
    if (!this.#isOpen) return;
    const { width, height } = this.size;
    this.#buffer.fill({ char: ' ', attr: {} });
    for (const [y, line] of lines.slice(0, height).entries()) this.#put(clipped(line, width), y);
    this.#buffer.draw({ delta: true });
  }

  /** Writes every cell again with the next draw: something else may have written to the terminal. */
  forget(): void {
    this.#fit();
  }

  /** Gives the terminal back. Safe to call twice, and while the process ends: nothing in it waits. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.removeListener('exit', this.#giveBack);
    process.removeListener('uncaughtExceptionMonitor', this.#giveBack);
    this.#terminal.grabInput(false);
    this.#terminal.hideCursor(false);
    this.#terminal.styleReset();
    this.#terminal.fullscreen(false);
  }

  #put({ spans, isSelected }: Line, y: number): void {
    const inverse = isSelected ? { inverse: true } : {};
    if (isSelected)
      this.#buffer.put({ x: 0, y, attr: inverse, wrap: false, dx: 1, dy: 0 }, ' '.repeat(this.size.width));
    for (const { at, text, tone } of spans)
      this.#buffer.put(
        { x: at, y, attr: { ...this.#attributes[tone], ...inverse }, wrap: false, dx: 1, dy: 0 },
        text,
      );
  }

  #fit(): void {
    const { width, height } = this.size;
    this.#buffer.resize({ x: 0, y: 0, width, height });
  }
}
