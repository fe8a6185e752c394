/** The options of the commands that make containers, and what they mean to the supervisor. */
import type { OperationQuery } from '../client/client.ts';
import { jsonOption, type Arguments } from './command.ts';
import { usageError } from './parse.ts';

export const creationOptions = {
  'force-recreate': { type: 'boolean', describe: 'replace a container that is there, even when its service has not changed' },
  'no-recreate': { type: 'boolean', describe: 'keep a container that is there, even when its service has changed' },
  'no-build': { type: 'boolean', describe: 'make no image, not even one that is missing' },
  json: jsonOption,
} as const;

export function creationQuery({ options }: Pick<Arguments<typeof creationOptions>, 'options'>, command: string): OperationQuery {
  const isForced = options['force-recreate'] === true;
  const isKept = options['no-recreate'] === true;
  if (isForced && isKept) throw usageError('"--force-recreate" and "--no-recreate" contradict each other', `ros ${command} --help`);
  return {
    ...(isForced && { recreate: 'force' }),
    ...(isKept && { recreate: 'never' }),
    ...(options['no-build'] === true && { build: 'never' }),
  };
}
