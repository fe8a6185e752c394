/** A text in the administrator's editor, and again until it is right or given up. */
import { RosError } from '../lib/errors.ts';
import type { Context } from './command.ts';

const maxBytes = 1024 * 1024;

export interface Edited {
  /** What it is called in messages: `configuration`. */
  readonly what: string;
  readonly fileName: string;
  readonly before: string;
  /** Saves it; false when it is wrong, and it has said why. An error ends the editing, and the text stays. */
  save(this: void, text: string): Promise<boolean>;
}

/** False when nothing was changed. The text is in a folder that only its owner can look into, which goes with it: it holds secrets. */
export async function editText({ what, fileName, before, save }: Edited, context: Context): Promise<boolean> {
  const [{ mkdtemp, rm, writeFile, readFile, stat }, { tmpdir }, { join }] = await Promise.all([import('node:fs/promises'), import('node:os'), import('node:path')]);
  const directory = await mkdtemp(join(tmpdir(), 'ros-edit-'));
  const file = join(directory, fileName);
  let keeps = false;
  try {
    await writeFile(file, before, { mode: 0o600 });
    for (;;) {
      await runEditor(what, file, context);
      if ((await stat(file)).size > maxBytes) throw new RosError('ERR_ROS_TOO_LARGE', `cannot save ${what}: it is larger than ${maxBytes / 1024} KiB`);
      const text = await readFile(file, 'utf8');
      if (text === before) { await context.warn('ros: nothing was changed'); return false; }
      try {
        if (await save(text)) return true;
      } catch (error) {
        keeps = true;
        const { code, message, hint } = error instanceof RosError ? error : new RosError('ERR_ROS_CONFIG', String(error));
        throw new RosError(code, `${message}; your text is in ${file}`, { cause: error, ...(hint !== undefined && { hint }) });
      }
      await context.io.stderr.write('Edit it again? [Yn] ');
      if (!/^(?:y(?:es)?)?$/i.test((await context.io.stdin.readLine() ?? 'n').trim())) throw new RosError('ERR_ROS_NOT_CONFIRMED', 'nothing was changed');
    }
  } finally {
    if (!keeps) await rm(directory, { recursive: true, force: true });
  }
}

async function runEditor(what: string, file: string, { io }: Context): Promise<void> {
  const [program = 'nano', ...args] = (io.environment['VISUAL'] ?? io.environment['EDITOR'] ?? 'nano').trim().split(/\s+/).filter((word) => word !== '');
  const exitCode = await io.runProgram(program, [...args, file], io.environment);
  if (exitCode !== 0) throw new RosError('ERR_ROS_EDITOR', `cannot edit ${what}: ${program} ended with exit code ${exitCode}; nothing was changed`);
}
