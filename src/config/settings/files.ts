/** Files, mounts and swap. */
import type { CloudConfig } from '../schema.ts';
import { decodeContent } from '../schema/cloud-init.ts';
import type { FileSetting, MountSetting, SwapSetting } from '../settings-types.ts';

const gibi = 2 ** 30;
const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: gibi, t: 2 ** 40 };

/** In their order: a later entry for the same path is written after, or added. */
export function filesOf(files: CloudConfig['write_files'] = []): FileSetting[] {
  return files.flatMap(({ path, content = '', encoding = '', owner = 'root', permissions = '0644', append = false, container = 'console' }): FileSetting[] => {
    const bytes = path === undefined ? undefined : decoded(content, encoding);
    if (path === undefined || bytes === undefined) return [];
    return [{ path, contentBase64: bytes.toString('base64'), owner, mode: Number.parseInt(permissions.replace(/^0o/, ''), 8), append, container }];
  });
}

function decoded(content: string, encoding: string): Buffer | undefined {
  try { return decodeContent(content, encoding); } catch { return undefined; }
}

export function mountsOf(mounts: CloudConfig['mounts'] = []): MountSetting[] {
  return mounts.flatMap(([device, point, type, options, ...rest]): MountSetting[] => {
    if (device === undefined || point === undefined || type === undefined || options === undefined || rest.length > 0) return [];
    return [{ device, point, type: type === '' ? 'auto' : type, options: options === '' ? 'defaults' : options }];
  });
}

export function swapOf(swap: CloudConfig['swap']): SwapSetting | undefined {
  if (swap?.size === undefined) return undefined;
  const most = swap.maxsize === undefined ? undefined : bytesOf(swap.maxsize);
  const sizeBytes = Math.min(bytesOf(swap.size) ?? most ?? gibi, most ?? Infinity);
  return sizeBytes > 0 ? { filename: swap.filename ?? '/var/lib/rancher/swapfile', sizeBytes } : undefined;
}

/** Undefined for `auto`. */
function bytesOf(size: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s?([kmgt]?)/i.exec(size) ?? [];
  return number === undefined ? undefined : Math.floor(Number(number) * (units[unit.toLowerCase()] ?? 1));
}
