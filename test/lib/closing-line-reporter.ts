/** The very last line of a run: "N passed, N failed", for whoever (or whatever) reads only that. */
import type { Reporter, TestModule } from 'vitest/node';

export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    // A file that could not be loaded, or an error outside of any test, has no test to count and is a failure all the same.
    const broken = modules.filter((module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0).length;
    const skipped = count('skipped');
    const failed = count('failed') + broken + errors.length;
    // The other reporters print after this hook; nothing prints after "exit".
    process.once('exit', (code) => {
      // What fails before any test is loaded (a global set-up) is in neither list, only in the exit code.
      const shown = failed === 0 && code !== 0 ? 1 : failed;
      process.stdout.write(`${count('passed')} passed, ${shown} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`);
    });
  }
}
