/**
 * A system image's files as a root to run programs in: the layers that `make image` left, a scratch layer on top, a mount
 * namespace of its own for each script. What a script writes stays for the next one of the same root.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const layers = join(import.meta.dirname, '../../../build/work/layers');

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
exec chroot . /bin/sh -eu -c "$SCRIPT"
`;

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
    const { stdout } = await promisify(execFile)('unshare', ['--mount', '--uts', '--pid', '--fork', '--kill-child', '--propagation', 'private', 'sh', '-eu', '-c', enter], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/applets', LOWER: this.#trees.join(':'), SCRATCH: this.#scratch, SCRIPT: script, ...environment },
      maxBuffer: 64 * 1024 * 1024, timeout: 100_000, killSignal: 'SIGKILL',
    });
    return stdout;
  }

  read(path: string): string { return readFileSync(this.#find(path), 'utf8'); }

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
