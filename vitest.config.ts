/**
 * Three rungs in one run, one after the other: unit (parallel, milliseconds), integration (real daemons and sockets on this
 * machine), boot (the built image in QEMU; one machine at a time, since every one wants both processors).
 */
import { defineConfig } from 'vitest/config';
import { bootTestTimeoutMs } from './test/lib/timing.ts';

export default defineConfig({
  test: {
    reporters: ['default', './test/lib/closing-line-reporter.ts'],
    pool: 'forks',
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: {
          name: 'integration', include: ['test/integration/**/*.test.ts'],
          fileParallelism: false, testTimeout: 120_000, hookTimeout: 180_000, sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'boot', include: ['test/boot/**/*.test.ts'], globalSetup: ['test/lib/boot-setup.ts'],
          fileParallelism: false, testTimeout: bootTestTimeoutMs, hookTimeout: bootTestTimeoutMs, sequence: { groupOrder: 3 },
        },
      },
      // make soak
      ...(process.env['SOAK'] === undefined ? [] : [{
        extends: true as const,
        test: { name: 'soak', include: ['test/soak/**/*.test.ts'], globalSetup: ['test/lib/boot-setup.ts'], fileParallelism: false, testTimeout: bootTestTimeoutMs, hookTimeout: bootTestTimeoutMs, sequence: { groupOrder: 4 } },
      }]),
    ],
  },
});
