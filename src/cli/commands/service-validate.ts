import type { Validation } from '../../api/types.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { defineCommand, jsonOption, toJson } from '../command.ts';
import { oneLine } from '../format.ts';
import type { Io } from '../io.ts';

const maxBytes = 256 * 1024;

export const serviceValidate = defineCommand({
  name: 'service validate',
  group: 'Services',
  summary: 'Check a service file',
  description: 'Checks a service file ("-": what comes in) and says what is wrong with it and where, or which services it holds.',
  operands: { label: 'FILE', min: 1, max: 1 },
  options: { json: jsonOption },
  async run({ names: [file = ''], options }, { io, print, client }) {
    const { text, origin } = await read(file, io);
    const validation = await (await client()).validate(text, origin);
    await print(options.json === true ? toJson(validation) : format(file, validation));
    return validation.problems.length === 0 ? 0 : 1;
  },
});

/** The text, and where it lies. */
async function read(file: string, { stdin }: Io): Promise<{ text: string; origin: string }> {
  try {
    if (file === '-') return { text: await stdin.read(maxBytes), origin: '/dev/stdin' };
    const [{ createReadStream }, { resolve }, { readBounded }] = await Promise.all([import('node:fs'), import('node:path'), import('../read-bounded.ts')]);
    return { text: await readBounded(createReadStream(file), maxBytes), origin: resolve(file) };
  } catch (error) {
    throw new RosError('ERR_ROS_READ', `cannot read service file "${file}": ${causeOf(error)}`, { cause: error });
  }
}

export function format(file: string, { services, problems }: Validation): string {
  if (problems.length > 0) return problems.map((problem) => `${file}: ${oneLine(problem)}\n`).join('');
  if (services.length === 0) return `${file}: no services\n`;
  const named = services.map(({ name, scope }) => `${oneLine(name)} (${scope})`).join(', ');
  return `${file}: ${services.length} ${services.length === 1 ? 'service' : 'services'}: ${named}\n`;
}
