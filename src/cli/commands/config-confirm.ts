import { defineCommand } from '../command.ts';
import { oneLine } from '../format.ts';

export const configConfirm = defineCommand({
  name: 'config confirm',
  group: 'Configuration',
  summary: 'Keep the configuration that is on trial',
  description: 'Keeps the configuration that "ros config apply --try" has put on trial.',
  options: {},
  async run(_args, { print, client }) {
    const { notes } = await (await client()).config.confirm();
    await print(notes.map((note) => `${oneLine(note)}\n`).join(''));
  },
});
