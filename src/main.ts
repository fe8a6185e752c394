/** The one program of the system: looks at the name it was called by and its first word, and loads what that needs. */
import { basename } from 'node:path';

declare const CORRAL_VERSION: string;
const version = typeof CORRAL_VERSION === 'string' ? CORRAL_VERSION : 'v0.0.0-dev';

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args[0] === 'supervise' && process.pid !== 1) {
    const { supervise } = await import('./supervisor/main.ts');
    await supervise(version);
    return;
  }
  const { runCli } = await import('./cli/main.ts');
  process.exitCode = await runCli(basename(process.argv0), args, version);
}

void main();
