import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { dataRootEntries, repositories, type ImageList } from '../../../src/engine/attached-images.ts';

const base = `sha256:${'a'.repeat(64)}`;
const top = `sha256:${'b'.repeat(64)}`;
const config = JSON.stringify({ rootfs: { type: 'layers', diff_ids: [base, top] } });
const id = `sha256:${createHash('sha256').update(config).digest('hex')}`;
const list: ImageList = {
  images: { 'corralos/console:v1': { id, config }, 'corralos/base:v1': { id: 'sha256:1', config: JSON.stringify({ rootfs: { diff_ids: [base] } }) } },
  layers: { [base]: { path: '/layers/base', size: 10 }, [top]: { path: '/layers/top', size: 20 } },
};

const text = (path: string): string | undefined => {
  const entry = dataRootEntries(list).find((one) => one.path === path);
  return entry !== undefined && 'text' in entry ? entry.text : undefined;
};

describe('attached images', () => {
  // The chain id is defined by the OCI image specification: sha256 of "<chain below> <diff id>".
  const chain = createHash('sha256').update(`${base} ${top}`).digest('hex');

  it('give Docker the configuration under the image id, and each layer under its chain id', () => {
    expect(text(`image/overlay2/imagedb/content/sha256/${id.slice(7)}`)).toBe(config);
    expect(text(`image/overlay2/layerdb/sha256/${chain}/diff`)).toBe(top);
    expect(text(`image/overlay2/layerdb/sha256/${chain}/parent`)).toBe(base);
    expect(text(`image/overlay2/layerdb/sha256/${chain}/size`)).toBe('20');
    expect(text(`image/overlay2/layerdb/sha256/${'a'.repeat(64)}/parent`)).toBeUndefined();
  });

  it('link each layer to its folder in the root image, once however many images share it', () => {
    const links = dataRootEntries(list).flatMap((entry) => ('link' in entry && entry.path.endsWith('/diff') ? [entry.link] : []));
    expect(links).toEqual(['/layers/base', '/layers/top']);
  });

  it('name what lies below a layer by links that exist', () => {
    const cacheId = text(`image/overlay2/layerdb/sha256/${chain}/cache-id`);
    const lower = text(`overlay2/${cacheId}/lower`);
    expect(lower).toBe(`l/${'A'.repeat(26)}`);
    expect(dataRootEntries(list).some(({ path }) => path === `overlay2/${lower}`)).toBe(true);
  });

  it('keep the images of others in the list of references and replace ours', () => {
    const before = { Repositories: { 'corralos/old': { 'corralos/old:v0': 'sha256:0' }, busybox: { 'busybox:latest': 'sha256:2' } } };
    expect(JSON.parse(repositories(list, before, 'corralos/'))).toEqual({ Repositories: {
      busybox: { 'busybox:latest': 'sha256:2' }, 'corralos/console': { 'corralos/console:v1': id }, 'corralos/base': { 'corralos/base:v1': 'sha256:1' },
    } });
    expect(JSON.parse(repositories(list, undefined, 'corralos/'))).toHaveProperty(['Repositories', 'corralos/console']);
  });
});
