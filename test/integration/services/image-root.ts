/**
 * A system image's files as a root to run programs in: the layers that `make image` left, a scratch layer on top, a mount
 * namespace of its own for each script. What a script writes stays for the next one of the same root.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const layers = join(import.meta.dirname, '../../../build/work/layers');

/** What the manifest of `docker` binds from the root image and our scripts call. */
const shortLived = join(import.meta.dirname, '../../../build/work/root/usr/bin/short-lived');

/** /run is kept, /dev has what cannot do harm, and a script has every applet of busybox, after the image's own programs. */
const enter = `
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" "$SCRATCH/root"
cd "$SCRATCH/root"
mkdir -p dev proc sys run tmp var/log home applets
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount --bind "$SCRATCH/run" run
mount -t tmpfs -o mode=755 dev dev
for node in null zero urandom tty; do : >dev/$node; mount --bind /dev/$node dev/$node; done
chroot . /usr/bin/busybox --install -s /applets
cp "$SHORT_LIVED" usr/bin/
exec chroot . /bin/sh -eu -c "$SCRIPT"
`;

const namespaces = ['--mount', '--uts', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
const path = '/usr/sbin:/usr/bin:/sbin:/bin:/applets';

export class ImageRoot implements Disposable {
  readonly #scratch = mkdtempSync(join(tmpdir(), 'image-root-'));
  readonly #trees: readonly string[];

  constructor(name: string) {
    this.#trees = [name, '_base'].map((layer) => join(layers, layer, 'tree'));
    for (const tree of this.#trees) {
      if (!existsSync(tree)) throw new Error(`cannot test image "${name}": there is no ${tree} (make image builds it)`);
    }
    for (const folder of ['upper', 'work', 'root', 'run']) mkdirSync(join(this.#scratch, folder));
  }

  /** Runs a shell script as root of the image; returns what it printed. Fails with what it said on stderr. */
  async run(script: string, environment: Readonly<Record<string, string>> = {}): Promise<string> {
    const { stdout } = await promisify(execFile)('unshare', [...namespaces, 'sh', '-eu', '-c', enter], {
      env: { ...this.#environment(script), ...environment },
      maxBuffer: 64 * 1024 * 1024, timeout: 100_000, killSignal: 'SIGKILL',
    });
    return stdout;
  }

  /** Runs a shell script that goes on, with that network namespace as its network, until the answer is disposed of. */
  async start(script: string, netns: string): Promise<RunningRoot> {
    const child = spawn('ip', ['netns', 'exec', netns, 'setpriv', '--pdeathsig', 'KILL', 'unshare', ...namespaces, 'sh', '-eu', '-c', enter], {
      env: this.#environment(script), stdio: ['ignore', 'pipe', 'pipe'],
    });
    return RunningRoot.of(child, join(this.#scratch, 'root'));
  }

  read(path: string): string { return readFileSync(this.#find(path), 'utf8'); }

  /** Where a path below /run lies on this machine, for who speaks to a socket there. */
  place(path: string): string { return join(this.#scratch, path); }

  has(path: string): boolean { return this.#places(path).some((place) => existsSync(place)); }

  /** Size, mode and inode, for those who look whether a file was replaced or written to. */
  stat(path: string): { size: number; mode: number; inode: number } {
    const { size, mode, ino } = statSync(this.#find(path));
    return { size, mode: mode & 0o7777, inode: ino };
  }

  write(path: string, content: string): void {
    const [place = ''] = this.#places(path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, content);
  }

  [Symbol.dispose](): void { rmSync(this.#scratch, { recursive: true, force: true }); }

  #environment(script: string): NodeJS.ProcessEnv {
    return { PATH: path, LOWER: this.#trees.join(':'), SCRATCH: this.#scratch, SHORT_LIVED: shortLived, SCRIPT: script };
  }

  #places(path: string): string[] {
    if (path.startsWith('/run/')) return [join(this.#scratch, path)];
    return [join(this.#scratch, 'upper'), ...this.#trees].map((tree) => join(tree, path));
  }

  #find(path: string): string {
    const place = this.#places(path).find((one) => existsSync(one));
    if (place === undefined) throw new Error(`cannot find file "${path}" in the image`);
    return place;
  }
}

/** A script that runs in an image's root, with all its namespaces. */
export class RunningRoot implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #pid: string;
  /** Its own root may be another by now: dhcpcd's is an empty one. */
  readonly #root: string;
  #said = '';

  /** Once it is in its root. */
  static async of(child: ChildProcess, root: string): Promise<RunningRoot> {
    for (let tries = 0; tries < 200; tries += 1) {
      await sleep(50);
      const pid = read(`/proc/${child.pid}/task/${child.pid}/children`).trim();
      if (pid !== '' && rootOf(pid) !== '/') return new RunningRoot(child, pid, root);
    }
    child.kill('SIGKILL');
    throw new Error('the image\'s root was not entered in 10 s');
  }

  private constructor(child: ChildProcess, pid: string, root: string) {
    this.#child = child;
    this.#pid = pid;
    this.#root = root;
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { this.#said += text; });
  }

  get said(): string { return this.#said; }

  /** Runs a script beside it. A non-zero exit is a result. */
  run(script: string): Promise<{ code: number; output: string }> {
    const inside = ['--target', this.#pid, '--mount', '--uts', '--net', '--pid', '--', 'chroot', this.#root, '/bin/sh', '-u', '-c', `exec 2>&1; ${script}`];
    return new Promise((resolve) => {
      execFile('nsenter', inside, { env: { PATH: path }, timeout: 100_000, killSignal: 'SIGKILL' }, (error, stdout) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 128, output: stdout });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((settled) => this.#child.once('exit', settled));
    if (this.#child.exitCode === null && this.#child.signalCode === null) { this.#child.kill('SIGKILL'); await ended; }
  }
}

function rootOf(pid: string): string { try { return readlinkSync(`/proc/${pid}/root`); } catch { return '/'; } }

function read(file: string): string { try { return readFileSync(file, 'utf8'); } catch { return ''; } }
