/** What every boot test does around its machines: the console on failure, and no crash on it whatever the assertions said. */
import { afterEach, expect } from 'vitest';
import type { Machine } from './machine.ts';

/** Prints the end of the console after each test that failed. */
export function showConsoleOnFailure(machine: () => Machine | undefined): void {
  afterEach(({ task }) => {
    if (task.result?.state !== 'fail') return;
    console.error(`the console's last lines (all of it: ${machine()?.vm.consoleLog ?? 'no machine'}):\n${machine()?.console.tail() ?? ''}`);
  });
}

export function expectCleanConsole(machine: Machine): void {
  const problems = machine.problems();
  expect(problems, `crashes on the console, see ${machine.vm.consoleLog}:\n${problems.join('\n')}`).toEqual([]);
}
