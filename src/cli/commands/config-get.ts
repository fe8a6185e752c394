import { defineCommand, jsonOption, toJson } from '../command.ts';
import { privateOption, toYaml } from '../config.ts';

export const configGet = defineCommand({
  name: 'config get',
  group: 'Configuration',
  summary: 'Print a value of the configuration',
  description: 'Prints a value as all layers and the defaults together say it: a single one on a line, lists and maps as YAML. A key\nthat nobody has set is an empty line; one that does not exist is an error. A step with a dot of its own is put in\nquotes: \'rancher.network.interfaces."eth0.1".dhcp\'.',
  operands: { label: 'KEY', min: 1, max: 1 },
  options: { private: privateOption, json: jsonOption },
  async run({ names: [key = ''], options }, { print, warn, client }) {
    const { value, masked } = await (await client()).config.value(key, options.private === true);
    if (options.json === true) await print(toJson(value ?? null));
    else if (typeof value === 'object' && value !== null) await print(`${await toYaml(value)}\n`);
    else await print(`${value === undefined || value === null ? '' : String(value)}\n`);
    if (masked) await warn('ros: *** stands for a secret; --private shows it');
  },
});
