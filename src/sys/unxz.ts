/** An xz file, unpacked by the system's own program (busybox) while it is read. */
import { spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';

/** The unpacked content; destroyed with the program's last words when it fails. */
export function openUnxz(file: string): Readable {
  const output = new PassThrough();
  const child = spawn('/usr/bin/unxz', ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-500); });
  child.stdout.pipe(output, { end: false });
  child.on('error', (error) => { output.destroy(error); });
  child.on('close', (code) => { if (code === 0) output.end(); else output.destroy(new Error(said.trim() || `unxz ended with exit code ${code}`)); });
  output.on('close', () => { child.kill('SIGKILL'); });
  return output;
}
