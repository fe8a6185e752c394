/** The same system gives the same media: ISO and disks are made twice, from what `make formats` has left. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createContext } from '../../scripts/lib/context.ts';
import { hashFile } from '../../scripts/lib/hash.ts';
import { collectBootFiles } from '../../scripts/lib/media/boot-files.ts';
import { convertDisk, installOn } from '../../scripts/lib/media/disk.ts';
import { readFormats } from '../../scripts/lib/media/formats.ts';
import { buildIso } from '../../scripts/lib/media/iso.ts';

const source = join(import.meta.dirname, '../..');
const bootloader = join(source, 'build/boot');
let folder = '';

beforeEach(() => {
  mkdirSync(join(source, 'build'), { recursive: true });
  folder = mkdtempSync(join(source, 'build/media-twice-')); // beside the images: they are linked, not copied
});
afterEach(() => { rmSync(folder, { recursive: true, force: true }); });

it('two ISOs and two disks of each format have the same bytes', async () => {
  expect(existsSync(join(bootloader, 'core.img')), 'make formats has run').toBe(true);
  const context = createContext();
  const formats = readFormats(context, ['qcow2', 'vhd']);
  const made = async (run: string): Promise<Record<string, string>> => {
    const own = createContext({ out: join(folder, run), cache: context.cache });
    const files = collectBootFiles(own, 'cloud', context, bootloader);
    const at = (name: string): string => join(own.out, name);
    await buildIso(files, bootloader, at('work/iso'), at('iso'));
    await installOn(files, at('disk'));
    for (const { name, spec } of formats) if (spec.kind === 'disk') await convertDisk(at('disk'), spec, at(name));
    const hashes = Object.fromEntries(['iso', 'disk', ...formats.map(({ name }) => name)].map((name) => [name, hashFile(at(name))]));
    rmSync(own.out, { recursive: true });
    return hashes;
  };
  const first = await made('a');
  expect(await made('b')).toEqual(first);
});
