/**
 * Makes the system images of the root image known to System Docker, once per content, before it starts. Nothing is
 * copied: see engine/attached-images.ts. What a power cut leaves half-written is written again, for the stamp comes last.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dataRootEntries, repositories, type Entry, type ImageList } from '../../engine/attached-images.ts';
import { RosError } from '../../lib/errors.ts';
import { run } from '../../sys/exec.ts';
import { exists, readTextFile, writeFileAtomic } from '../../sys/files.ts';
import { paths, type Machine } from '../machine.ts';

/** Holds the hash of the list that has been attached whole; it lies in the data root, so that it goes when that goes. */
const stamp = `${paths.systemData}/.ros-images`;
const ours = 'corralos/';
const fileLimit = 1024 * 1024;

export async function attachSystemImages(machine: Machine): Promise<void> {
  const text = await readTextFile(`${paths.share}/images/system.json`, fileLimit);
  if (text === undefined) throw new RosError('ERR_ROS_IMAGES', 'cannot attach system images: the root image carries none');
  const content = createHash('sha256').update(text).digest('hex');
  const references = join(paths.systemData, 'image/overlay2/repositories.json');
  const known = parse(await readTextFile(references, fileLimit));
  // Without a whole list of names dockerd does not start; and of a disk that had to be mended no file is sure.
  if (known !== undefined && !wasMended(machine.state) && (await readTextFile(stamp, fileLimit))?.trim() === content) return;
  const list = JSON.parse(text) as ImageList;
  await dropStaleLayers();
  await Promise.all(dataRootEntries(list).map(write));
  await writeFileAtomic(references, repositories(list, known, ours), 0o600);
  if (machine.state.kind === 'disk') await run('sync', ['-f', paths.systemData], { timeoutMs: 120_000 });
  await writeFileAtomic(stamp, `${content}\n`, 0o600);
  machine.log.info(`system-images: ${Object.keys(list.images).length} attached`);
}

/** The note of a disk in use says what was mended on it (or which of two was taken: then this is done once too often). */
function wasMended({ kind, note }: Machine['state']): boolean { return kind === 'disk' && note !== undefined; }

async function write(entry: Entry): Promise<void> {
  const path = join(paths.systemData, entry.path);
  await mkdir(dirname(path), { recursive: true, mode: 0o710 });
  await rm(path, { recursive: true, force: true });
  if ('link' in entry) await symlink(entry.link, path);
  else await writeFile(path, entry.text, { mode: 0o600 });
}

/** Forgets the layers of another version's root image: their folders are gone, and Docker would stumble over them. */
async function dropStaleLayers(): Promise<void> {
  const layers = join(paths.systemData, 'image/overlay2/layerdb/sha256');
  for (const chain of await readdir(layers).catch(() => [])) {
    const cacheId = await readTextFile(join(layers, chain, 'cache-id'), 200);
    const driver = join(paths.systemData, 'overlay2', cacheId ?? '-');
    const target = await readlink(join(driver, 'diff')).catch(() => undefined);
    if (target === undefined || (await exists(target))) continue;
    await rm(join(layers, chain), { recursive: true, force: true });
    await rm(driver, { recursive: true, force: true });
  }
}

function parse(text: string | undefined): unknown {
  try { return text === undefined ? undefined : JSON.parse(text); } catch { return undefined; }
}
