/**
 * Images whose layers lie in the root image, made known to Docker without copying them: the entries that `docker load`
 * would write into a data root (overlay2, Docker 26), with each layer's `diff` a link to where it lies. Pure: it says
 * which files there must be. docs/adr/0005-attached-images.md says why, with numbers.
 */
import { createHash } from 'node:crypto';

/** What the build puts beside the layers as `system.json`. */
export interface ImageList {
  /** By reference; `config` is the image's configuration as its id hashes it. */
  readonly images: Readonly<Record<string, { readonly id: string; readonly config: string }>>;
  /** By diff id: the folder in the root image, and the bytes in it. */
  readonly layers: Readonly<Record<string, { readonly path: string; readonly size: number }>>;
}

/** A file of the data root, by its path in there: its text, or where it links to. */
export type Entry = { readonly path: string; readonly text: string } | { readonly path: string; readonly link: string };

export function dataRootEntries(list: ImageList): Entry[] {
  const entries = new Map<string, Entry>();
  const add = (entry: Entry): void => { entries.set(entry.path, entry); };
  for (const { id, config } of Object.values(list.images)) {
    add({ path: `image/overlay2/imagedb/content/sha256/${hex(id)}`, text: config });
    for (const entry of layerEntries(diffIds(config), list.layers)) add(entry);
  }
  return [...entries.values()];
}

/** The references that Docker is to know, in the shape of its `repositories.json`; everybody else's are kept. */
export function repositories(list: ImageList, present: unknown, ours: string): string {
  const known = (present as { Repositories?: Record<string, Record<string, string>> } | undefined)?.Repositories ?? {};
  const merged: Record<string, Record<string, string>> = Object.fromEntries(Object.entries(known).filter(([name]) => !name.startsWith(ours)));
  for (const [reference, { id }] of Object.entries(list.images)) {
    const name = reference.slice(0, reference.lastIndexOf(':'));
    merged[name] = { ...merged[name], [reference]: id };
  }
  return JSON.stringify({ Repositories: merged });
}

interface Layer { readonly chain: string; readonly link: string }

function layerEntries(ids: readonly string[], folders: ImageList['layers']): Entry[] {
  const below: Layer[] = []; // nearest first, as overlay wants them
  const entries: Entry[] = [];
  for (const id of ids) {
    const folder = folders[id];
    if (folder === undefined) throw new Error(`no layer "${id}"`);
    const parent = below[0];
    const chain = parent === undefined ? id : `sha256:${createHash('sha256').update(`${parent.chain} ${id}`).digest('hex')}`;
    // Docker picks these two at random; any names that are not taken do, and these are the same in every boot.
    const cacheId = hex(chain);
    const link = cacheId.slice(0, 26).toUpperCase();
    const database = `image/overlay2/layerdb/sha256/${hex(chain)}`;
    const driver = `overlay2/${cacheId}`;
    entries.push(
      { path: `${database}/diff`, text: id },
      { path: `${database}/cache-id`, text: cacheId },
      { path: `${database}/size`, text: String(folder.size) },
      ...(parent === undefined ? [] : [{ path: `${database}/parent`, text: parent.chain }]),
      { path: `${driver}/diff`, link: folder.path },
      { path: `${driver}/link`, text: link },
      ...(parent === undefined ? [] : [{ path: `${driver}/lower`, text: below.map((layer) => `l/${layer.link}`).join(':') }]),
      { path: `${driver}/committed`, text: '' },
      { path: `overlay2/l/${link}`, link: `../${cacheId}/diff` },
    );
    below.unshift({ chain, link });
  }
  return entries;
}

function diffIds(config: string): string[] { return (JSON.parse(config) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids; }

function hex(id: string): string { return id.slice(id.indexOf(':') + 1); }
