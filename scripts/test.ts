/**
 * `make test`: runs vitest, and once more those boot tests whose machine was broken by the emulator. QEMU 7.2's emulation of two
 * processors rarely lets one run an instruction that the other has just patched, and the guest's kernel dies of a breakpoint
 * (int3) that is there no more. Real processors cannot do that, and nothing of ours makes it: a test that lost its machine so has
 * said nothing yet. (Seen some five times in 400 boots, mostly when nf_nat or the scheduler's clock patches itself; once in 600 QEMU itself died of a segmentation fault.) Everything else fails at once.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

const consoles = 'build/test';
const report = join(consoles, 'report.json');

interface FileResult { readonly name: string; readonly status: string; readonly startTime: number; readonly endTime: number; readonly assertionResults?: readonly { readonly failureMessages?: readonly string[] }[]; readonly message?: string }

function vitest(args: readonly string[]): number {
  rmSync(report, { force: true });
  const reporters = ['default', './test/lib/closing-line-reporter.ts', 'json'].map((name) => `--reporter=${name}`);
  return spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...reporters, `--outputFile.json=${report}`, ...args], { stdio: 'inherit' }).status ?? 1;
}

function failedFiles(): FileResult[] {
  try {
    return (JSON.parse(readFileSync(report, 'utf8')) as { testResults: FileResult[] }).testResults.filter(({ status }) => status === 'failed');
  } catch {
    return [];
  }
}

/** Whether a console of this boot test tells of the fault; the last boot of a file may be written to a little after its end. */
function lostItsMachine({ name, startTime, endTime, assertionResults = [], message = '' }: FileResult): boolean {
  if (!name.includes('/test/boot/')) return false;
  // QEMU itself has crashed.
  if ([message, ...assertionResults.flatMap(({ failureMessages = [] }) => failureMessages)].some((text) => text.includes('the machine ended (SIGSEGV)'))) return true;
  return readdirSync(consoles).filter((file) => file.endsWith('.console.log')).map((file) => join(consoles, file)).some((file) => {
    const { mtimeMs } = statSync(file);
    return mtimeMs >= startTime && mtimeMs <= endTime + 5_000 && /Oops: int3/.test(readFileSync(file, 'latin1'));
  });
}

mkdirSync(consoles, { recursive: true });
const code = vitest(process.argv.slice(2));
const failed = code === 0 ? [] : failedFiles();
if (failed.length === 0 || !failed.every(lostItsMachine)) process.exit(code);
const files = failed.map(({ name }) => relative(process.cwd(), name));
console.log(`the emulator broke the guest's kernel (Oops: int3, see ${consoles}); once more: ${files.join(' ')}`);
process.exit(vitest(['--project', 'boot', ...files]));
