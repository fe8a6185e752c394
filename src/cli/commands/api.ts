import { usageError } from '../parse.ts';
import { defineCommand } from '../command.ts';

const methods = ['GET', 'POST'];

export const api = defineCommand({
  name: 'api',
  group: 'Machine',
  summary: 'Call the control API',
  description: 'Calls a path of the control API and prints its answer as it comes, for scripts: ros api /v1/status, ros api POST /v1/services/ntp/restart.\ndocs/openapi.json tells what there is.',
  operands: { label: '[METHOD] PATH', min: 1, max: 2 },
  options: { data: { type: 'string', alias: ['d'], value: 'JSON', describe: 'the body of the request' } },
  async run({ names, options }, { print, client }) {
    const [path = '', method = 'GET'] = [...names].reverse();
    if (!methods.includes(method)) throw usageError(`cannot call "${path}" with "${method}"`, `the methods are ${methods.join(' and ')}`);
    if (!path.startsWith('/v1/')) throw usageError(`"${path}" is no path of the control API`, 'they begin with /v1/');
    let body: unknown;
    try {
      body = options.data === undefined ? undefined : JSON.parse(options.data);
    } catch {
      throw usageError('option "--data" needs JSON', 'ros api --help');
    }
    for await (const text of (await client()).call(method === 'POST' ? 'POST' : 'GET', path, body)) await print(text);
  },
});
