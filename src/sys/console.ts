/** The machine's console, for a person who stands before it. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';

/** One shell is enough, however often it is asked for. */
let shellRuns = false;

/** Writes `text` on /dev/console and starts a shell there, unless one runs already. Without a console nothing happens. */
export async function rescueShell(text: string): Promise<void> {
  const console = await open('/dev/console', 'r+').catch(() => undefined);
  if (console === undefined) return;
  try {
    await console.write(text);
    if (shellRuns) return;
    shellRuns = true;
    const shell = spawn('/bin/setsid', ['-c', '/bin/sh', '-l'], { stdio: [console.fd, console.fd, console.fd], cwd: '/', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', TERM: 'linux' } });
    shell.on('error', () => { shellRuns = false; });
    shell.on('exit', () => { shellRuns = false; });
  } finally {
    await console.close();
  }
}
