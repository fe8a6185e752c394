import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openApi } from '../../../src/api/openapi.ts';
import { reference } from '../../../src/api/reference.ts';
import { routes } from '../../../src/api/routes.ts';
import type { Machine } from '../../../src/supervisor/machine.ts';

describe('the reference of the control API', () => {
  it('tells of every route, and of none that is not there', () => {
    const there = routes({} as Machine).map(({ method, path }) => `${method} ${path}`);
    expect(Object.keys(reference).sort()).toEqual(there.sort());
  });

  it('is up to date in docs/openapi.json (make docs)', () => {
    const written: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../../docs/openapi.json'), 'utf8'));
    expect(written).toEqual(JSON.parse(JSON.stringify(openApi())));
  });

  it('names every schema that it uses', () => {
    const text = JSON.stringify(openApi());
    const components = Object.keys((openApi()['components'] as { schemas: object }).schemas);
    const used = [...text.matchAll(/#\/components\/schemas\/(\w*)/g)].map(([, name]) => name);
    expect(used.filter((name) => !components.includes(name ?? ''))).toEqual([]);
  });
});
