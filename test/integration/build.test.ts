/**
 * The same inputs give the same bytes: everything after the downloads is built twice, into two folders, from the packages
 * that `make image` left in build/cache. With quick compression: it is the same program with another number.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assemble } from '../../scripts/lib/build-image.ts';
import { createContext, type BuildContext } from '../../scripts/lib/context.ts';
import { hashFile } from '../../scripts/lib/hash.ts';
import type { Packages } from '../../scripts/lib/packages.ts';
import { readOsSpec } from '../../scripts/lib/spec.ts';
import { readSystemImages } from '../../scripts/lib/system-images.ts';

const source = join(import.meta.dirname, '../..');
const results = ['vmlinuz', 'initramfs.img', 'root.img', 'root.roothash', 'sbom.json'];
/** What `make image` found and downloaded; the test asks no mirror. */
const stamp = join(source, 'build/work/stamps/packages.json');

let folders: string[] = [];
let contexts: BuildContext[] = [];

beforeAll(() => {
  // beside the cache: folders of one file system share the big files instead of copying them
  folders = ['a', 'b'].map((name) => mkdtempSync(join(source, `build/reproducible-${name}-`)));
  contexts = folders.map((out) => createContext({ out, cache: 'build/cache' }));
  process.env['ROOT_LEVEL'] = '1';
});
afterAll(() => {
  delete process.env['ROOT_LEVEL'];
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

it('two builds of the same inputs give the same bytes', async () => {
  expect(existsSync(stamp), 'make image has run').toBe(true);
  const { value } = JSON.parse(readFileSync(stamp, 'utf8')) as { value: { packages: Packages; kernelPackage: string } };
  for (const context of contexts) {
    const os = readOsSpec(context);
    await assemble(context, os, readSystemImages(context, os), value.packages, value.kernelPackage);
  }
  const [first, second] = contexts.map((context) => Object.fromEntries(results.map((name) => [name, hashFile(join(context.out, name))])));
  expect(second).toEqual(first);
}, 300_000);

it('the bill of materials names every package with its hash and place, and no path of this machine', () => {
  const text = readFileSync(join(contexts[0]?.out ?? '', 'sbom.json'), 'utf8');
  const sbom = JSON.parse(text) as { debian: { name: string; version: string; sha256: string; in: string[] }[]; npm: { name: string; version?: string; integrity?: string }[] };
  expect(text).not.toContain(source);
  for (const one of sbom.debian) expect(one).toMatchObject({ version: expect.stringMatching(/./), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  for (const one of sbom.npm) expect(one).toMatchObject({ version: expect.stringMatching(/./), integrity: expect.stringMatching(/^sha512-/) });
  expect(sbom.debian.find(({ name }) => name === 'docker.io')?.in).toEqual(['root']);
  expect(sbom.npm.map(({ name }) => name)).toContain('dockerode');
});
