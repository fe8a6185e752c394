import { defineCommand } from '../command.ts';

export const dev = defineCommand({
  name: 'dev',
  group: 'Machine',
  summary: 'The device that a label or UUID names',
  description: 'Prints the path of a device: ros dev LABEL=RANCHER_STATE. LABEL, UUID, PARTLABEL and PARTUUID are known. The exit code\nis 1 when there is none.',
  operands: { label: 'SPEC', min: 1, max: 1 },
  options: {},
  async run({ names: [spec = ''] }, { print, client }) {
    await print(`${await (await client()).device(spec)}\n`);
  },
});
