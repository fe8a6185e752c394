/** `ros install --save`: images that a service of this machine has and the system does not bring, as archives that the installed machine loads at its first start. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageList } from '../engine/attached-images.ts';
import type { OnProgress } from '../install/write-disk.ts';
import { run } from '../sys/exec.ts';
import { readTextFile } from '../sys/files.ts';
import { paths, type Machine } from './machine.ts';

export interface SavedImages {
  names(this: void): Promise<readonly string[]>;
  /** Those that are not here yet; before anything is written. */
  fetch(this: void, onProgress: OnProgress): Promise<void>;
  /** Into a state partition. */
  save(this: void, folder: string): Promise<void>;
}

const listLimit = 16 * 1024 * 1024;
const saveTimeoutMs = 30 * 60_000;
const attempts = 3;
const folders = { system: 'system-docker', user: 'docker' } as const;
const sockets = { system: paths.systemSocket, user: paths.userSocket } as const;

export function savedImages(machine: Machine): SavedImages {
  const services = async () => {
    const list = JSON.parse(await readTextFile(`${paths.share}/images/system.json`, listLimit) ?? '{"images":{}}') as Pick<ImageList, 'images'>;
    return [...machine.plan.services.values()].filter(({ builtIn, image }) => !builtIn && !Object.hasOwn(list.images, image));
  };
  return {
    names: async () => [...new Set((await services()).map(({ image }) => image))].sort(),
    async fetch(onProgress) {
      const wanted = await services();
      for (const [index, service] of wanted.entries()) {
        onProgress('fetch images', index, wanted.length);
        await machine.images.ensure(machine.planes[service.scope].engine, service, attempts, () => undefined);
      }
    },
    async save(folder) {
      const wanted = await services();
      for (const scope of ['system', 'user'] as const) {
        const images = [...new Set(wanted.filter((service) => service.scope === scope).map(({ image }) => image))];
        if (images.length === 0) continue;
        const preload = join(folder, paths.preload, folders[scope]);
        await mkdir(preload, { recursive: true });
        await run('docker', ['-H', `unix://${sockets[scope]}`, 'save', '-o', join(preload, 'installed.tar'), ...images], { timeoutMs: saveTimeoutMs });
      }
    },
  };
}
