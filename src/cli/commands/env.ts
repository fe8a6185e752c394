import { defineCommand } from '../command.ts';

export const env = defineCommand({
  name: 'env',
  group: 'Machine',
  summary: 'Run a program with the environment of the configuration',
  description: 'Runs a program with "rancher.environment" and the proxies in its environment. What is there already counts first.\nIts exit code is the program\'s.',
  operands: { label: 'PROGRAM [ARGUMENT…]', min: 1, max: Infinity },
  passesOn: true,
  options: {},
  async run({ names: [program = '', ...args] }, { io, client }) {
    const environment = await (await client()).environment();
    return io.runProgram(program, args, { ...environment, ...io.environment });
  },
});
