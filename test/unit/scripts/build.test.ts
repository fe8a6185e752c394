import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BuildContext } from '../../../scripts/lib/context.ts';
import { linkDuplicates } from '../../../scripts/lib/duplicates.ts';
import { hashTree } from '../../../scripts/lib/hash.ts';
import { formatSizes } from '../../../scripts/lib/sizes.ts';
import { readImageSpec } from '../../../scripts/lib/spec.ts';
import { runStep } from '../../../scripts/lib/step.ts';
import { buildTree, listTree, type TreeInputs } from '../../../scripts/lib/tree.ts';

let folder = '';
let context: BuildContext;
const at = (path: string): string => join(folder, path);
const put = (path: string, content = 'x', mode = 0o644): void => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content, { mode });
};
const spec = { packages: [], exclude: [], directories: [], links: {}, busybox: [], modes: {}, owners: {}, dropLines: [], fixAddress: [] };
const inputs: TreeInputs = { name: 'image x', exclude: [], overlays: [], below: [], packages: new Map() };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'build-'));
  context = { source: folder, out: at('out'), work: at('out/work'), cache: at('cache'), version: 'v1.0.0' };
});
afterEach(() => { rmSync(folder, { recursive: true }); });

describe('a tree', () => {
  const packages = [{ name: 'p', only: undefined }];
  const build = async (more: Partial<Parameters<typeof buildTree>[1]>, other: Partial<TreeInputs> = {}): Promise<string[]> => {
    await buildTree(at('tree'), { ...spec, packages, ...more }, { ...inputs, packages: new Map([['p', at('p')]]), ...other });
    return listTree(at('tree')).filter((entry) => entry.kind !== 'folder').map((entry) => entry.path);
  };

  it('leaves out what is excluded, and puts the folder of the image on top of that', async () => {
    put('p/etc/a');
    put('p/usr/bin/kept');
    put('p/usr/share/doc/p/copyright');
    put('overlay/etc/a', 'mine');
    expect(await build({ exclude: ['etc/**'] }, { exclude: ['usr/share/doc'], overlays: [at('overlay')] })).toEqual(['etc/a', 'usr/bin/kept']);
    expect(lstatSync(at('tree/etc/a')).size).toBe(4);
  });

  it('moves files of /bin and /lib below /usr, where those links point', async () => {
    put('p/lib/x');
    put('p/sbin/y');
    expect(await build({ links: { lib: 'usr/lib', sbin: 'usr/sbin' } })).toEqual(['lib', 'sbin', 'usr/lib/x', 'usr/sbin/y']);
    expect(readlinkSync(at('tree/lib'))).toBe('usr/lib');
  });

  it('keeps setuid and drops setgid, whose group only a maintainer script would make', async () => {
    put('p/usr/bin/su');
    chmodSync(at('p/usr/bin/su'), 0o6755);
    await build({});
    expect(lstatSync(at('tree/usr/bin/su')).mode & 0o7777).toBe(0o4755);
  });

  it('puts a file at another path where that is said, and nothing at its own', async () => {
    put('p/bin/shell', 'static');
    put('p/usr/bin/other');
    expect(await build({ packages: [{ name: 'p', only: ['usr/bin/shell'], moved: { 'usr/bin/shell': 'usr/lib/own/sh' } }] })).toEqual(['usr/lib/own/sh']);
  });

  it('says which package brings nothing', async () => {
    put('p/usr/bin/x');
    await expect(build({ packages: [{ name: 'p', only: ['usr/bin/typo'] }] })).rejects.toThrow('cannot build tree "image x": package "p" adds no file');
  });

  it('says which mode has no file', async () => {
    put('p/usr/bin/x');
    await expect(build({ modes: { 'usr/bin/y': 0o755 } })).rejects.toThrow('cannot set mode of "usr/bin/y": image x has no such file');
  });

  it('says which program cannot be changed, and why', async () => {
    put('p/usr/bin/x', 'no program');
    await expect(build({ dropLines: ['usr/bin/x'] })).rejects.toThrow('cannot drop lines of program "usr/bin/x": it has no tables of Go 1.20 or later');
    await expect(build({ fixAddress: ['usr/bin/y'] })).rejects.toThrow('cannot fix address of program "usr/bin/y": there is no such file');
  });
});

describe('an image.yml', () => {
  const read = (text: string): ReturnType<typeof readImageSpec> => {
    put('system-services/x/image.yml', text);
    return readImageSpec(context, 'x');
  };

  it('takes octal modes with and without quotes', () => {
    expect(read('modes: { a: 0755, /b: "4755" }')?.modes).toEqual({ a: 0o755, b: 0o4755 });
  });

  it('takes a package whole or only some of its files', () => {
    expect(read('packages: [a, b: [/usr/bin/b]]')?.packages).toEqual([{ name: 'a', only: undefined }, { name: 'b', only: ['usr/bin/b'] }]);
  });

  it('refuses what it does not know, by name', () => {
    expect(() => read('pakages: [a]')).toThrow(/cannot use file "system-services\/x\/image.yml": .*pakages/);
  });

  it('may be missing', () => {
    expect(readImageSpec(context, 'y')).toBeUndefined();
  });
});

describe('a step', () => {
  it('runs again when an input changes or an output is gone, and else gives the value of before', async () => {
    let runs = 0;
    const step = async (input: string): Promise<number> => await runStep(context, {
      name: 'test', script: import.meta.filename, inputs: input, outputs: [at('result')],
      work: () => { put('result'); return ++runs; },
    });
    expect([await step('a'), await step('a'), await step('b')]).toEqual([1, 1, 2]);
    rmSync(at('result'));
    expect(await step('b')).toBe(3);
  });

  it('is not done when it failed', async () => {
    const step = async (work: () => number): Promise<number> => await runStep(context, { name: 'test', script: import.meta.filename, inputs: 1, outputs: [], work });
    await expect(step(() => { throw new Error('no'); })).rejects.toThrow('no');
    expect(await step(() => 7)).toBe(7);
  });
});

describe('hashes and duplicates', () => {
  it('a tree\'s hash knows names, contents, links and the executable bit', () => {
    put('t/a', '1');
    const before = hashTree(at('t'));
    put('t/b', '1');
    const withB = hashTree(at('t'));
    rmSync(at('t/b'));
    symlinkSync('a', at('t/b'));
    expect(new Set([before, withB, hashTree(at('t'))]).size).toBe(3);
    rmSync(at('t/b'));
    expect(hashTree(at('t'))).toBe(before);
  });

  it('files of one content and mode become one', () => {
    const big = 'x'.repeat(5000);
    for (const name of ['t/a', 't/b/c']) put(name, big);
    put('t/executable', big, 0o755);
    expect(linkDuplicates(at('t'))).toBe(5000);
    expect(lstatSync(at('t/a')).ino).toBe(lstatSync(at('t/b/c')).ino);
    expect(lstatSync(at('t/executable')).nlink).toBe(1);
    expect(existsSync(at('t/b/c'))).toBe(true);
  });
});

it('the table of sizes compares with the build before', () => {
  expect(formatSizes({ a: 1_500_000, b: 10, c: 5 }, { a: 1_400_000, b: 10 }).split('\n').slice(1).map((line) => line.split(/ {2,}/).at(-1)?.trim()))
    .toEqual(['+100,000', '=', 'new']);
});
