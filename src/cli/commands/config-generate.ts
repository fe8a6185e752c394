import { defineCommand } from '../command.ts';

export const configGenerate = defineCommand({
  name: 'config generate',
  group: 'Configuration',
  summary: 'Print a cloud-config to begin with',
  description: 'Prints a cloud-config with every key, what it means and what holds without it, all commented out. In RancherOS this\nfilled in a template while the system was built; there is no such template here.',
  options: {},
  run: async (_args, { print, client }) => print(await (await client()).config.starter()),
});
