/**
 * Archives of images that lie ready on the state partition, as `docker save` makes them: each is loaded once, and marked so
 * beside it. One that cannot be loaded is named and left; the next boot tries it again.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { Engine, OnProgress } from '../../engine/engine.ts';
import { causeOf } from '../../lib/errors.ts';
import { Turns } from '../../lib/turns.ts';
import { listDirectory, readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { openUnxz } from '../../sys/unxz.ts';
import { paths, type Machine } from '../machine.ts';

/** How each kind of archive is read; RancherOS knows the first four. */
const readers: readonly { readonly name: RegExp; readonly unpack: (file: string) => Readable }[] = [
  { name: /\.tar$/, unpack: (file) => createReadStream(file) },
  { name: /\.(?:tar\.gz|tgz)$/, unpack: (file) => through(createReadStream(file), createGunzip()) },
  { name: /\.(?:tar\.zst|tar\.zstd|tzst)$/, unpack: (file) => through(createReadStream(file), createZstdDecompress()) },
  { name: /\.(?:tar\.xz|txz)$/, unpack: openUnxz },
];
const stampLimit = 4096;
const loadTimeoutMs = 30 * 60_000;
type Folder = 'system-docker' | 'docker';
/** Of two who look into a folder the second finds what the first has loaded. */
const turns: Readonly<Record<Folder, Turns>> = { 'system-docker': new Turns(1), docker: new Turns(1) };

/** Beside everything else, unless `rancher.preload_wait` wants it done before the services of that engine start. Never throws. */
export async function preloadSystemImages(machine: Machine): Promise<void> { await beside(machine, preload(machine, 'system-docker', machine.systemEngine)); }
export async function preloadUserImages(machine: Machine): Promise<void> { await beside(machine, preload(machine, 'docker', machine.userEngine)); }

async function beside({ settings, log }: Machine, work: Promise<void>): Promise<void> {
  const safe = work.catch((error: unknown) => { log.error(`preload: ${causeOf(error)}`); });
  if (settings.preloadWait) await safe;
}

async function preload(machine: Machine, folder: Folder, engine: Engine): Promise<void> {
  await turns[folder].take(0, () => loadFolder(machine, folder, engine));
}

/**
 * For an image that a service needs now: archives that came after the boot, and one that has brought it before, for the
 * engine may have forgotten it since (another root image, `rmi`). Never throws.
 */
export async function loadArchived(machine: Machine, engine: Engine, reference: string, onProgress: OnProgress): Promise<void> {
  const folder = engine === machine.systemEngine ? 'system-docker' : 'docker';
  try {
    await turns[folder].take(0, async () => {
      if (await engine.imageId(reference) === undefined) await loadFolder(machine, folder, engine, reference, onProgress);
    });
  } catch (error) {
    machine.log.error(`preload: ${causeOf(error)}`);
  }
}

/** Whether an archive has been loaded, by the text of its mark; and not if `wanted`, which is missing, came out of it. Pure. */
export function isLoaded(mark: string | undefined, stamp: string, wanted?: string): boolean {
  const [first, ...images] = mark?.split('\n') ?? [];
  return first === stamp && (wanted === undefined || !images.some((line) => line.endsWith(` ${wanted}`)));
}

async function loadFolder(machine: Machine, folder: Folder, engine: Engine, wanted?: string, onProgress: OnProgress = () => undefined): Promise<void> {
  const directory = join(paths.preload, folder);
  const names = await listDirectory(directory);
  let loaded = 0;
  for (const name of names) {
    const reader = readers.find((one) => one.name.test(name));
    if (reader === undefined) continue;
    const file = join(directory, name);
    try {
      // Content counts: an archive that was replaced is loaded again.
      const { size, mtimeMs } = await stat(file);
      const stamp = `${size} ${Math.floor(mtimeMs)}`;
      if (isLoaded(await readTextFile(`${file}.done`, stampLimit), stamp, wanted)) continue;
      machine.log.info(`preload: loading ${file}`);
      onProgress(`loading ${file}`);
      const images = await engine.load(reader.unpack(file), AbortSignal.timeout(loadTimeoutMs));
      if (images.length === 0) throw new Error('there is no image in it');
      await writeFileAtomic(`${file}.done`, `${stamp}\n${images.join('\n')}\n`, 0o644);
      machine.log.info(`preload: ${file}: ${images.join('; ')}`);
      machine.warnings.delete(`preload ${file}`);
      loaded += 1;
    } catch (error) {
      machine.log.error(`preload: cannot load archive "${file}": ${causeOf(error)}`);
      machine.warnings.set(`preload ${file}`, `Cannot load archive "${file}": ${causeOf(error)}.`);
    }
  }
  if (loaded > 0) machine.services.imagesChanged();
}

/** Piped, with the source's failure as the failure of what is read. */
function through(source: Readable, target: NodeJS.ReadWriteStream & Readable): Readable {
  source.on('error', (error) => { target.destroy(error); });
  source.pipe(target);
  return target;
}
