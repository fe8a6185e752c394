/** How far something is that takes its time: on stderr, so that stdout holds results alone. */
import { oneLine } from './format.ts';
import type { Io } from './io.ts';

export interface Progress {
  show(this: void, text: string): Promise<void>;
  /** Takes the line away; to be called before anything else is printed. */
  clear(this: void): Promise<void>;
}

/** On a terminal one line that is written over, elsewhere a line each. Nothing but `\r` and blanks: serial consoles read it too. */
export function progressOn({ stderr, columns }: Pick<Io, 'stderr' | 'columns'>): Progress {
  let shown = '';
  if (!stderr.isTty) {
    return {
      async show(text) {
        const line = oneLine(text);
        if (line !== shown) await stderr.write(`${line}\n`);
        shown = line;
      },
      clear: async () => undefined,
    };
  }
  // In the last column some terminals begin a new line.
  const width = Math.max(1, columns - 1);
  const overwrite = async (text: string): Promise<void> => {
    const before = shown.length;
    shown = text;
    await stderr.write(`\r${text.padEnd(before)}`);
  };
  return {
    show: (text) => overwrite(oneLine(text).slice(0, width)),
    async clear() {
      if (shown === '') return;
      await overwrite('');
      await stderr.write('\r');
    },
  };
}

export const noProgress: Progress = { show: async () => undefined, clear: async () => undefined };
