/** The end of a run: each failure in a few lines, then "N passed, N failed", for whoever (or whatever) reads only that. */
import type { Reporter, TestModule } from 'vitest/node';

/** Of an error's text that much says what it was: its beginning, and its end, which is the console's last word. */
const headChars = 400;
const tailChars = 1600;

function shortened(message: string): string {
  return message.length <= headChars + tailChars ? message : `${message.slice(0, headChars)}\n[...]\n${message.slice(-tailChars)}`;
}

export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    // A file that could not be loaded, or an error outside of any test, has no test to count and is a failure all the same.
    const broken = modules.filter((module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0).length;
    const skipped = count('skipped');
    const failed = count('failed') + broken + errors.length;
    const failures = tests.filter((test) => test.result().state === 'failed')
      .map((test) => `FAILED ${test.module.relativeModuleId} > ${test.fullName}\n${shortened(test.result().errors?.[0]?.message ?? '')}\n`);
    // The other reporters print after this hook; nothing prints after "exit".
    process.once('exit', (code) => {
      // What fails before any test is loaded (a global set-up) is in neither list, only in the exit code.
      const shown = failed === 0 && code !== 0 ? 1 : failed;
      process.stdout.write(`${failures.join('')}${count('passed')} passed, ${shown} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`);
    });
  }
}
