/** Images for services: found, fetched or built. */
import type { Engine, OnProgress, RegistryAuth } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { openTar } from '../sys/tar.ts';
import type { ServiceDefinition } from './definition.ts';

/** What the image of a service is to be made from: nothing but the definition says it. */
export type ImageOrder = Pick<ServiceDefinition, 'name' | 'image' | 'build'>;

export interface ImagesOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** `rancher.registry_auths`, asked for anew each time. */
  readonly auths: () => Readonly<Record<string, RegistryAuth>>;
  /** Loads the archives that lie ready for an engine and may hold that image. Never rejects. */
  readonly archives?: (engine: Engine, reference: string, onProgress: OnProgress) => Promise<void>;
}

export interface BuildFlags { readonly noCache?: boolean; readonly pull?: boolean; readonly forceRemove?: boolean }

/** Silence of a pull that long is a broken connection. */
const silenceMs = 120_000;
const wholePullMs = 60 * 60_000;
const buildTimeoutMs = 60 * 60_000;
const firstPauseMs = 1000;
/** What is carried in the root image comes from nowhere else, and add-ons come as archives: never from a registry, where the name may be anybody's. */
const ownPrefix = 'corralos/';

export class Images {
  readonly #options: ImagesOptions;
  /** Pulls under way: two services of one image fetch it once. */
  readonly #pulls = new Map<string, Promise<void>>();

  constructor(options: ImagesOptions) { this.#options = options; }

  /** The id of the image of a service; fetches or builds it when it is not here. */
  async ensure(engine: Engine, order: ImageOrder, attempts: number, onProgress: OnProgress): Promise<string> {
    const present = await engine.imageId(order.image);
    if (present !== undefined) return present;
    if (order.build !== undefined) await this.build(engine, order, {}, onProgress);
    else if (order.image.startsWith(ownPrefix)) await this.#archived(engine, order.image, onProgress);
    else await this.pull(engine, order.image, attempts, onProgress);
    const id = await engine.imageId(order.image);
    if (id === undefined) throw new RosError('ERR_ROS_NO_IMAGE', `cannot get image "${order.image}": it was fetched, but the engine does not know it`);
    return id;
  }

  /** An add-on's image: put there after the boot that would have loaded it, or forgotten with another root image. */
  async #archived(engine: Engine, reference: string, onProgress: OnProgress): Promise<void> {
    await this.#options.archives?.(engine, reference, onProgress);
    if (await engine.imageId(reference) === undefined) await this.pull(engine, reference, 1, onProgress);
  }

  /** Fetches an image, also one that is here. A pull that breaks off goes on where it was, `attempts` times in all. */
  async pull(engine: Engine, reference: string, attempts: number, onProgress: OnProgress): Promise<void> {
    if (reference.startsWith(ownPrefix)) throw new RosError('ERR_ROS_NO_IMAGE', `cannot pull image "${reference}": images named "${ownPrefix}" come with the system, and this one does not`, { hint: 'an add-on comes as an archive of the same version: put it into /var/lib/rancher/preload/system-docker and try again' });
    const running = this.#pulls.get(reference);
    if (running !== undefined) { await running; return; }
    const work = this.#pull(engine, reference, attempts, onProgress).finally(() => { this.#pulls.delete(reference); });
    this.#pulls.set(reference, work);
    await work;
  }

  async #pull(engine: Engine, reference: string, attempts: number, onProgress: OnProgress): Promise<void> {
    const { clock, log } = this.#options;
    const deadlineMs = clock.uptimeMs() + wholePullMs;
    for (let attempt = 1; ; attempt += 1) {
      const watchdog = new Watchdog(clock, silenceMs, deadlineMs);
      try {
        await engine.pull(reference, authFor(reference, this.#options.auths()), watchdog.signal, (line) => { watchdog.feed(); onProgress(`pulling ${reference}: ${line}`); });
        log.info(`images: pulled ${reference}`);
        return;
      } catch (error) {
        const cause = watchdog.signal.aborted ? causeOf(watchdog.signal.reason) : causeOf(error).replace(/^cannot pull image "[^"]*": /, '');
        if (attempt >= attempts || !mayGetBetter(cause)) throw new RosError('ERR_ROS_PULL', `cannot pull image "${reference}": ${cause}`, { cause: error });
        const pauseMs = firstPauseMs * 2 ** (attempt - 1);
        onProgress(`pulling ${reference}: ${cause}; again in ${pauseMs / 1000} s (${attempt} of ${attempts})`);
        await clock.sleep(pauseMs);
      } finally {
        watchdog.end();
      }
    }
  }

  async build(engine: Engine, { name, image, build }: ImageOrder, flags: BuildFlags, onProgress: OnProgress): Promise<void> {
    if (build === undefined) throw new RosError('ERR_ROS_NO_BUILD', `cannot build service "${name}": its service file has no "build"`);
    const context = await openTar(build.context);
    const watchdog = new Watchdog(this.#options.clock, buildTimeoutMs, this.#options.clock.uptimeMs() + buildTimeoutMs);
    try {
      await engine.build(context.stream, {
        tag: image, noCache: flags.noCache ?? false, pull: flags.pull ?? false, forceRemove: flags.forceRemove ?? false, networkMode: 'host',
        ...(build.dockerfile !== undefined && { dockerfile: build.dockerfile }),
      }, watchdog.signal, (line) => { onProgress(`building ${name}: ${line}`); });
      await context.done;
    } catch (error) {
      throw new RosError('ERR_ROS_BUILD', `cannot build service "${name}": ${causeOf(error).replace(/^cannot build image "[^"]*": /, '')}`, { cause: error });
    } finally {
      watchdog.end();
      context.end();
    }
  }
}

/** Aborts its signal after `silenceMs` without `feed`, and at the deadline. */
class Watchdog {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #deadlineMs: number;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, silence: number, deadlineMs: number) {
    this.#clock = clock;
    this.#silenceMs = silence;
    this.#deadlineMs = deadlineMs;
    this.feed();
  }

  get signal(): AbortSignal { return this.#controller.signal; }

  feed(): void {
    this.#cancel();
    const leftMs = Math.min(this.#silenceMs, this.#deadlineMs - this.#clock.uptimeMs());
    this.#cancel = this.#clock.after(Math.max(0, leftMs), () => { this.#controller.abort(new Error(`nothing came for ${this.#silenceMs / 1000} s`)); });
  }

  end(): void { this.#cancel(); }
}

/** What asking again cannot change: there is no such image, or not for us. */
function mayGetBetter(cause: string): boolean {
  return !/not found|manifest unknown|denied|unauthorized|no basic auth|authentication required|invalid reference|repository name|no matching manifest|HTTP response to HTTPS/i.test(cause);
}

const defaultRegistry = ['docker.io', 'index.docker.io', 'https://index.docker.io/v1/'];

/** The credentials for the registry that a reference names: by its host, as `docker login` and RancherOS key them. Pure. */
export function authFor(reference: string, auths: Readonly<Record<string, RegistryAuth>>): RegistryAuth | undefined {
  const first = reference.split('/')[0] ?? '';
  const isHost = reference.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  const key = (isHost ? [first, `https://${first}`, `http://${first}`] : defaultRegistry).find((name) => Object.hasOwn(auths, name));
  if (key === undefined) return undefined;
  const found = auths[key] ?? {};
  if (found.username !== undefined || found.auth === undefined) return found;
  // `auth` is base64 of `user:password`; the engine's API takes the two.
  const [username = '', ...password] = Buffer.from(found.auth, 'base64').toString('utf8').split(':');
  return { username, password: password.join(':') };
}
