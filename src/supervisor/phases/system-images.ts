/** Loads the system images from the root image into System Docker, once per content. */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { RosError } from '../../lib/errors.ts';
import { run } from '../../sys/exec.ts';
import { exists, readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';

/** What `scripts/` writes beside the archive: its sha256 and the id of every image in it. */
interface SystemImages { readonly content: string; readonly images: Readonly<Record<string, string>> }

/** Holds the content that has been loaded whole; it lies in the data root, so that it goes when that goes. */
export const imagesStamp = `${paths.systemData}/.ros-images`;
/** Is there while a load is under way: layers that it left may be cut short. */
const loadingMark = `${paths.systemData}/.ros-images-loading`;
const listLimit = 1024 * 1024;

export async function loadSystemImages(machine: Machine): Promise<void> {
  const { content, images } = await readList();
  if ((await readTextFile(imagesStamp, 200))?.trim() === content && (await allPresent(machine, images))) return;
  if (await exists(loadingMark)) {
    machine.log.warn('system-images: an earlier load was cut off, removing what it left');
    for (const reference of Object.keys(images)) await machine.systemEngine.removeImage(reference);
  }
  await writeFileAtomic(loadingMark, `${content}\n`, 0o600);
  const startMs = machine.clock.uptimeMs();
  await machine.systemEngine.load(createReadStream(`${paths.share}/images/system.tar`, { highWaterMark: 1024 * 1024 }));
  if (!(await allPresent(machine, images))) throw new RosError('ERR_ROS_LOAD', 'cannot load system images: the engine took the archive but lacks images of it');
  // The engine does not fsync layers: the stamp may only be written when they are on the disk.
  if (machine.state.kind === 'disk') await run('sync', ['-f', paths.systemData], { timeoutMs: 300_000 });
  await writeFileAtomic(imagesStamp, `${content}\n`, 0o600);
  await rm(loadingMark, { force: true });
  machine.log.info(`system-images: ${Object.keys(images).length} images loaded in ${machine.clock.uptimeMs() - startMs} ms`);
}

async function readList(): Promise<SystemImages> {
  const text = await readTextFile(`${paths.share}/images/system.json`, listLimit);
  if (text === undefined) throw new RosError('ERR_ROS_LOAD', 'cannot load system images: the root image carries none');
  return JSON.parse(text) as SystemImages;
}

async function allPresent(machine: Machine, images: SystemImages['images']): Promise<boolean> {
  const ids = await Promise.all(Object.keys(images).map((reference) => machine.systemEngine.imageId(reference)));
  return Object.values(images).every((id, index) => ids[index] === id);
}
