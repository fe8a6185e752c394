/** The one program of the system: looks at its first word, and loads only what that needs. */
import { version } from './lib/version.ts';

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (words[0] === 'supervise') {
    const { supervise } = await import('./supervisor/main.ts');
    await supervise();
    return;
  }
  const { runProcess } = await import('./cli/main.ts');
  process.exitCode = await runProcess(process.argv0, words, version);
}

void main();
