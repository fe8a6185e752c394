import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What each folder of src may import from, besides itself. `api/types` is a leaf that everybody may use. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  sys: ['lib'],
  engine: ['lib', 'sys'],
  config: ['lib', 'sys'],
  services: ['lib', 'sys', 'engine'],
  install: ['lib', 'sys'],
  api: ['lib', 'sys', 'engine', 'services', 'install', 'supervisor'],
  supervisor: ['lib', 'sys', 'engine', 'services', 'install', 'config', 'api'],
  client: ['lib'],
  cli: ['lib', 'client'],
  'main.ts': ['lib', 'supervisor', 'cli'],
};

const source = join(import.meta.dirname, '../../src');
const files = globSync('**/*.ts', { cwd: source });

function imports(file: string): string[] {
  return [...readFileSync(join(source, file), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)]
    .map(([, target]) => relative(source, join(source, dirname(file), target ?? '')));
}

describe('the source tree', () => {
  it('imports in one direction only', () => {
    const wrong = files.flatMap((file) => {
      const folder = file.split('/')[0] ?? '';
      return imports(file)
        .filter((target) => target !== 'api/types.ts' && !target.startsWith(`${folder}/`) && !(allowed[folder] ?? []).includes(target.split('/')[0] ?? ''))
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('leaves dockerode to the engine, yargs to the CLI and child processes to sys', () => {
    const owners: Readonly<Record<string, RegExp>> = { dockerode: /^engine\//, yargs: /^cli\//, 'node:child_process': /^(sys\/|supervisor\/recovery\.ts$|cli\/run-program\.ts$)/ };
    const wrong = files.flatMap((file) => Object.entries(owners)
      .filter(([name, owner]) => !owner.test(file) && readFileSync(join(source, file), 'utf8').includes(`'${name}'`))
      .map(([name]) => `${file} imports ${name}`));
    expect(wrong).toEqual([]);
  });

  it('has no file over 400 lines', () => {
    expect(files.filter((file) => readFileSync(join(source, file), 'utf8').split('\n').length > 400)).toEqual([]);
  });
});
