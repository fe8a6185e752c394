/**
 * `ros install`: decides what would be done, says so, and does it. One at a time; it goes on when whoever asked for it has
 * gone, and the machine restarts at its end all the same.
 */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import type { InstallPlan, InstallRequest, InstallResult } from '../api/types.ts';
import type { LoadedConfig } from '../config/index.ts';
import { candidates, contentsOf, findIn, refusals, type BlockDevice, type Refusal } from '../install/disks.ts';
import { checkParameter, splitAppend } from '../install/grub.ts';
import { layoutOf, type Layout } from '../install/install-type.ts';
import { diskLayout, sfdiskScript } from '../install/layout.ts';
import { openMedium, type Medium } from '../install/medium.ts';
import { assertFirmwareReads, ownPartitions, writeOwnPartitions, type OwnPartitions } from '../install/own-partitions.ts';
import { assertFree, forOwnPartitions, forWholeDisk, requirePrograms } from '../install/programs.ts';
import { neededFiles, readRelease, wanted, type Release } from '../install/release.ts';
import { writeDisk, type OnProgress } from '../install/write-disk.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { carriedConfig, loginNote, type CarriedConfig } from './install-config.ts';
import type { SavedImages } from './install-images.ts';

/** What it needs of the machine. */
export interface InstallPlace {
  readonly clock: Clock;
  readonly log: Log;
  /** The layers of the configuration as they are on disk. */
  load(this: void): Promise<LoadedConfig>;
  /** Images of services that have been enabled. */
  readonly images: SavedImages;
  devices(this: void): Promise<readonly BlockDevice[]>;
  /** Where the medium that the machine was started from is mounted. */
  readonly bootedFrom?: string;
}

/** With what is not for everybody's eyes, or only while it lasts. */
interface Decision {
  readonly plan: InstallPlan;
  readonly medium: Medium | undefined;
  readonly config: CarriedConfig | undefined;
  readonly own: OwnPartitions | undefined;
  readonly layout: Layout;
}

export class InstallAdmin {
  readonly #place: InstallPlace;
  #running: string | undefined;

  constructor(place: InstallPlace) { this.#place = place; }

  /** Looks only. What makes it impossible is in the plan, all of it. */
  async plan(request: InstallRequest): Promise<InstallPlan> {
    const { plan, medium } = await this.#decide(request);
    await medium?.[Symbol.asyncDispose]();
    return plan;
  }

  async install(request: InstallRequest, onProgress: OnProgress): Promise<InstallResult> {
    if (this.#running !== undefined) throw new RosError('ERR_ROS_CONFLICT', `cannot install: an installation to ${this.#running} is under way`, { hint: 'ros logs -f' });
    this.#running = request.device ?? 'partitions of this machine';
    const { log } = this.#place;
    try {
      const result = await this.#do(request, onProgress);
      log.info(`install: done, ${result.version} on ${result.device ?? 'the partitions'} after ${Math.round(result.tookMs / 1000)} s`);
      return result;
    } catch (error) {
      log.error(`install: ${causeOf(error)}`);
      throw error;
    } finally {
      this.#running = undefined;
    }
  }

  async #do(request: InstallRequest, onProgress: OnProgress): Promise<InstallResult> {
    const { clock, log, images } = this.#place;
    const startMs = clock.uptimeMs();
    const { plan, medium, config, own, layout } = await this.#decide(request);
    try {
      const [refusal] = plan.refusals;
      if (refusal !== undefined) throw new RosError(refusal.code, refusal.message, refusal.hint === undefined ? {} : { hint: refusal.hint });
      if (medium === undefined || config === undefined || plan.medium === undefined) throw new RosError('ERR_ROS_INTERNAL', 'cannot install: the plan is not whole');
      if (request.digest !== undefined && request.digest !== plan.digest) throw new RosError('ERR_ROS_CONFLICT', 'cannot install: disk, medium or configuration are not what they were when the plan was shown', { hint: 'look at the plan again' });
      const steps: { name: string; startMs: number }[] = [];
      const tell: OnProgress = (name, done, total) => {
        if (steps.at(-1)?.name !== name) {
          steps.push({ name, startMs: clock.uptimeMs() });
          log.info(`install: ${name}`);
        }
        onProgress(name, done, total);
      };
      const common = { files: { folder: medium.folder }, append: plan.append, cloudConfig: config.text, onProgress: tell };
      if (request.save === true) await images.fetch(tell);
      const fillState = request.save !== true ? {} : { fillState: (folder: string) => images.save(folder) };
      let bytesWritten: number;
      if (own !== undefined) ({ bytesWritten } = await writeOwnPartitions({ ...common, ...fillState, partitions: own, ...(request.stateDirectory !== undefined && { stateDirectory: request.stateDirectory }) }));
      else {
        const { path, bytes } = plan.device ?? { path: '', bytes: 0 };
        ({ bytesWritten } = await writeDisk({ ...common, ...fillState, target: path, diskBytes: bytes, table: layout === 'dos' ? 'dos' : 'gpt' }));
      }
      const endMs = clock.uptimeMs();
      return {
        ...(plan.device !== undefined && { device: plan.device.path }), version: plan.medium.version, rootHash: plan.medium.rootHash, bytesWritten, tookMs: endMs - startMs, reboots: request.reboot === true,
        steps: steps.map(({ name, startMs: at }, index) => ({ name, tookMs: (steps[index + 1]?.startMs ?? endMs) - at })),
      };
    } finally {
      await medium?.[Symbol.asyncDispose]();
    }
  }

  async #decide(request: InstallRequest): Promise<Decision> {
    const layout = layoutOf(request.type);
    const append = splitAppend(request.append ?? '');
    append.forEach(checkParameter);
    const devices = await this.#place.devices();
    const path = request.device === undefined ? undefined : await realpath(request.device).catch(() => request.device);
    checkFlags(request, layout, devices);

    const refused: Refusal[] = [];
    const attempt = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
      try { return await work(); } catch (error) {
        if (!(error instanceof RosError)) throw error;
        refused.push({ code: error.code, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) });
        return undefined;
      }
    };
    if (layout !== 'own' && path !== undefined) refused.push(...refusals(path, devices, { force: request.force === true }));
    await attempt(() => requirePrograms(layout === 'own' ? forOwnPartitions : forWholeDisk));
    const config = await attempt(() => carriedConfig(request.cloudConfig, this.#place.load));
    if (config?.problems.some(({ severity }) => severity === 'error') === true) refused.push({ code: 'ERR_ROS_CONFIG', message: `cannot install with cloud-config "${config.origin}": it has errors`, hint: 'ros config validate' });
    const { bootedFrom } = this.#place;
    const medium = await attempt(() => openMedium({ devices, ...(request.image !== undefined && { image: request.image }), ...(path !== undefined && { target: path }), ...(bootedFrom !== undefined && { bootedFrom }) }));
    try {
      const release = medium === undefined ? undefined : await attempt(() => readRelease(medium.folder));
      const disk = path === undefined ? undefined : findIn(devices, path)?.device;
      const own = layout !== 'own' || release === undefined ? undefined : await attempt(() => ownPartitions(devices, release, { ...(path !== undefined && { disk: path }), ...(request.partition !== undefined && { partition: request.partition }) }));
      for (const one of own?.shown.map(({ path: part }) => part) ?? (disk === undefined || refused.some(({ code }) => code === 'ERR_ROS_IN_USE') ? [] : [disk.path])) await attempt(() => assertFree(one));
      if (own !== undefined) await attempt(() => assertFirmwareReads(own.boot));
      const partitions = layout === 'own' || disk === undefined || refused.some(({ code }) => code === 'ERR_ROS_DISK_TOO_SMALL') ? [] : await attempt(() => {
        const planned = diskLayout(disk.bytes);
        sfdiskScript(planned, { table: layout === 'dos' ? 'dos' : 'gpt' });
        return planned.filter(({ name }) => layout === 'gpt' || name !== 'bios');
      }) ?? [];
      const plan: Omit<InstallPlan, 'digest'> = {
        type: layout,
        ...(disk !== undefined && layout !== 'own' && { device: { path: disk.path, bytes: disk.bytes, model: disk.model, serial: disk.serial, transport: disk.transport, contents: contentsOf(disk).map(({ what }) => what) } }),
        ...(medium !== undefined && release !== undefined && { medium: { source: medium.source, version: release.version, flavour: release.flavour, rootHash: release.rootHash, bytes: bytesOf(release) } }),
        partitions: own !== undefined ? own.shown : partitions.map(({ label, startBytes, bytes }) => ({ label, startBytes, bytes })),
        append, cloudConfig: { origin: config?.origin ?? request.cloudConfig?.origin ?? '', problems: config?.problems ?? [] },
        images: request.save === true ? await this.#place.images.names() : [],
        notes: [...medium?.notes ?? [], ...own?.notes ?? [], ...sameLabels(devices, path, layout), ...[config === undefined ? undefined : loginNote(config, append)].filter((note) => note !== undefined)],
        refusals: refused,
      };
      return { plan: { ...plan, digest: digestOf(plan, config?.text ?? '') }, medium, config, own, layout };
    } catch (error) {
      await medium?.[Symbol.asyncDispose]();
      throw error;
    }
  }
}

function checkFlags(request: InstallRequest, layout: Layout, devices: readonly BlockDevice[]): void {
  const bad = (cause: string, hint: string): RosError => new RosError('ERR_ROS_BAD_REQUEST', `cannot install: ${cause}`, { hint });
  if (layout !== 'own' && request.device === undefined) {
    const there = candidates(devices);
    throw bad('no disk is named', there.length === 0 ? '-d DISK ("lsblk" lists them)' : there.map((path) => `-d ${path}`).join(', '));
  }
  if (layout === 'own') return;
  if (request.partition !== undefined) throw bad('"--partition" is for partitions of your own', '-t noformat');
  if (request.stateDirectory !== undefined) throw bad('"--statedir" is for partitions of your own', '-t noformat');
}

/** At boot the state partition is found by its label: another disk with the same one would be a gamble. */
function sameLabels(devices: readonly BlockDevice[], target: string | undefined, layout: Layout): readonly string[] {
  if (layout === 'own') return [];
  const others = devices.filter(({ path }) => path !== target).flatMap((disk) => [disk, ...disk.children]).filter(({ label }) => label === 'RANCHER_STATE' || label === 'CORRAL_BOOT');
  return others.map(({ path, label }) => `"${path}" has the label ${label} too: take that disk out, or give it another label, before the installed machine starts`);
}

function bytesOf(release: Release): number { return neededFiles.reduce((sum, name) => sum + wanted(release, name).bytes, 0); }

function digestOf(plan: Omit<InstallPlan, 'digest'>, config: string): string { return createHash('sha256').update(JSON.stringify([plan, config])).digest('hex'); }
