/** `file:/path`: user-data from a file of this machine. */
import { readBytes } from '../../sys/files.ts';
import { maxConfigBytes } from '../load.ts';
import type { Datasource } from './datasource.ts';

export const file: Datasource = {
  name: 'file',
  needs: 'nothing',
  applies: (argument) => argument !== undefined && argument !== '',
  async fetch(argument = '') {
    const path = argument.replace(/^\/\/(?=\/)/, '');
    const userData = await readBytes(path, maxConfigBytes);
    return userData === undefined ? undefined : { source: `file ${path}`, userData, metadata: undefined, problems: [] };
  },
};
