/** Where a drawing goes. */
import { causeOf, RosError } from '../lib/errors.ts';
import type { Context } from './command.ts';

export const svgOption = { type: 'string', value: 'FILE', describe: 'draw it to a file ("-": to the output)' } as const;

export async function writeDrawing(file: string, drawing: string, print: Context['print']): Promise<void> {
  if (file === '-') return print(drawing);
  const { writeFile } = await import('node:fs/promises');
  try {
    await writeFile(file, drawing);
  } catch (error) {
    throw new RosError('ERR_ROS_WRITE', `cannot write drawing "${file}": ${causeOf(error)}`, { cause: error });
  }
  return print(`wrote ${file}\n`);
}
