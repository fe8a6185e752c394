import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addonContext, assembleAddons, readAddons } from '../../../scripts/lib/addons.ts';
import type { BuildContext } from '../../../scripts/lib/context.ts';
import { sha256 } from '../../../scripts/lib/hash.ts';
import type { OsSpec } from '../../../scripts/lib/spec.ts';
import { carriedServices, offeredServices } from '../../../scripts/lib/system-images.ts';

let folder = '';
let context: BuildContext;
const at = (path: string): string => join(folder, path);
const put = (path: string, content = 'x', mode = 0o644): void => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content, { mode });
};
const os = { suite: 'trixie', exclude: [] } as unknown as OsSpec;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'addons-'));
  context = { source: folder, out: at('out'), work: at('out/work'), cache: at('cache'), version: 'v1.0.0' };
});
afterEach(() => { rmSync(folder, { recursive: true }); });

async function build(out: string): Promise<string> {
  const own = addonContext({ ...context, out: at(out), work: at(`${out}/work`) });
  const [file = ''] = await assembleAddons(own, os, readAddons(own, ['x']), {});
  return file;
}

it('an add-on is one archive as "docker save" makes it, with a layer that is what its image says', async () => {
  put('system-services/x/image.yml', 'config: { entrypoint: [/usr/bin/run] }');
  put('system-services/x/root/usr/bin/run', '#!/bin/sh\n', 0o755);
  const file = await build('out');
  expect(file).toBe(at('out/addons/x.tar.zst'));
  put('plain.tar');
  writeFileSync(at('plain.tar'), zstdDecompressSync(readFileSync(file)));
  mkdirSync(at('unpacked'));
  execFileSync('tar', ['--extract', '--file', at('plain.tar'), '--directory', at('unpacked')]);
  const [manifest] = JSON.parse(readFileSync(at('unpacked/manifest.json'), 'utf8')) as { Config: string; RepoTags: string[]; Layers: string[] }[];
  expect(manifest?.RepoTags).toEqual(['corralos/x:v1.0.0']);
  const config = readFileSync(at(`unpacked/${manifest?.Config}`));
  expect(manifest?.Config).toBe(`${sha256(config)}.json`);
  const { rootfs, config: said } = JSON.parse(config.toString()) as { rootfs: { diff_ids: string[] }; config: { Entrypoint: string[] } };
  expect(said.Entrypoint).toEqual(['/usr/bin/run']);
  expect(manifest?.Layers).toHaveLength(1);
  const layer = at(`unpacked/${manifest?.Layers[0]}`);
  expect(rootfs.diff_ids).toEqual([`sha256:${sha256(readFileSync(layer))}`]);
  expect(execFileSync('tar', ['--list', '--file', layer]).toString()).toContain('usr/bin/run\n');
  const sbom = JSON.parse(readFileSync(at('out/addons/sbom.json'), 'utf8')) as { files: unknown; images: unknown };
  expect(sbom).toMatchObject({ files: { 'x.tar.zst': { sha256: sha256(readFileSync(file)) } }, images: { 'corralos/x:v1.0.0': `sha256:${sha256(config)}` } });
});

it('the same inputs give the same bytes', async () => {
  put('system-services/x/root/data', Array.from({ length: 50_000 }, (_, index) => String(index * 7919)).join(' '));
  put('system-services/x/image.yml', '{}');
  expect(readFileSync(await build('a')).equals(readFileSync(await build('b')))).toBe(true);
});

it('an add-on is made from nothing that the root may lose', () => {
  put('system-services/_base/image.yml', '{}');
  put('system-services/x/image.yml', 'from: _base');
  put('system-services/y/service.yml', '');
  expect(() => readAddons(context, ['x'])).toThrow('cannot build add-on "x": it is made from "_base", which an upgrade may take away');
  expect(() => readAddons(context, ['y'])).toThrow('cannot build add-on "y": there is no system-services/y/image.yml');
});

it('every image offers the add-ons and carries none of their images', () => {
  const lists = { services: ['a'], repository: ['b'], addons: ['c'] };
  expect(offeredServices(lists)).toEqual(['b', 'c']);
  expect(carriedServices(lists)).toEqual(['a', 'b']);
});
