/** The kernel parameters that an installed machine's boot loader passes: on its boot partition, which is mounted for a moment only. */
import { createHash } from 'node:crypto';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootParameters, BootParametersChange } from '../api/types.ts';
import { judgeKernelParameters } from '../config/index.ts';
import { parametersIn, startsFrom, withParameters } from '../install/boot-parameters.ts';
import type { BlockDevice } from '../install/disks.ts';
import { checkParameter, globalConfigPath } from '../install/grub.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { run } from '../sys/exec.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import type { Machine } from './machine.ts';
import { rootImage } from './root-image.ts';

export interface BootParametersPlace {
  devices(this: void): Promise<readonly BlockDevice[]>;
  /** What the machine runs from: the root image's device, the state disk. */
  inUse(this: void): Promise<ReadonlySet<string>>;
}

/** FAT knows no owners: nobody but root may look, there are passwords among kernel parameters. `quiet`: no error for a mode that it cannot keep. */
const mountOptions = 'nosuid,nodev,noexec,umask=077,quiet';
const mountTimeoutMs = 60_000;
const maxBytes = 64 * 1024;

type Use<T> = (text: string, device: string, path: string) => Promise<T>;

export class BootParametersAdmin {
  readonly #place: BootParametersPlace;
  #last: Promise<unknown> = Promise.resolve();

  constructor(place: BootParametersPlace) { this.#place = place; }

  read(): Promise<BootParameters> { return this.#at('ro', (text, device) => Promise.resolve(told(text, device))); }

  /** `digest`: of the text that they were read from; another one by now is an error. */
  replace(parameters: readonly string[], digest: string | undefined): Promise<BootParametersChange> {
    parameters.forEach(checkParameter);
    return this.#at('rw', async (before, device, path) => {
      if (digest !== undefined && digest !== told(before, device).digest) throw new RosError('ERR_ROS_CONFLICT', 'cannot change kernel parameters: somebody else has changed them meanwhile', { hint: 'look at them again' });
      const text = withParameters(before, parameters);
      if (text !== before) await writeFileAtomic(path, text, 0o600);
      return { ...told(text, device), written: text !== before, problems: judgeKernelParameters(parameters.join(' ')) };
    });
  }

  /** One after the other: a file system is mounted to be read or to be written. */
  #at<T>(mode: 'ro' | 'rw', use: Use<T>): Promise<T> {
    const work = this.#last.then(() => this.#mounted(mode, use));
    this.#last = work.catch(() => undefined);
    return work;
  }

  async #mounted<T>(mode: 'ro' | 'rw', use: Use<T>): Promise<T> {
    const { path: device, mountedAt: [mounted] } = startsFrom(await this.#place.devices(), await this.#place.inUse());
    const useAt = async (point: string): Promise<T> => {
      const path = join(point, globalConfigPath);
      return use(await readTextFile(path, maxBytes) ?? '', device, path);
    };
    if (mounted !== undefined) return useAt(mounted);
    const point = await mkdtemp(join(tmpdir(), 'ros-boot-'));
    try {
      await run('mount', ['-o', `${mode},${mountOptions}`, device, point], { timeoutMs: mountTimeoutMs }).catch((error: unknown) => {
        throw new RosError('ERR_ROS_MOUNT', `cannot use the boot partition "${device}": ${causeOf(error)}`, { cause: error });
      });
      try { return await useAt(point); } finally { await run('umount', [point], { timeoutMs: mountTimeoutMs }); }
    } finally {
      await rmdir(point).catch(() => undefined); // still mounted: umount has said why
    }
  }
}

/** Of the disk that the root image is read from, or the state disk. */
export async function devicesInUse({ state }: Pick<Machine, 'state'>): Promise<ReadonlySet<string>> {
  const root = await rootImage();
  return new Set([...[...root?.devices.values() ?? []].map((name) => `/dev/${name}`), ...(state.device === undefined ? [] : [state.device])]);
}

function told(text: string, device: string): BootParameters {
  return { device, parameters: parametersIn(text), digest: createHash('sha256').update(text).digest('hex') };
}
