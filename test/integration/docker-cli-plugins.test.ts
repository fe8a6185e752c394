/** How the add-on's container brings the plugins to the state disk: its script in a root like its image's, with plugins of a few bytes. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { load } from 'js-yaml';
import { afterEach, beforeEach, expect, it } from 'vitest';

const source = join(import.meta.dirname, '../..');
const service = join(source, 'system-services/docker-cli-plugins');
const script = '/usr/lib/corral/install-plugins';
const { busybox: applets } = load(readFileSync(join(service, 'image.yml'), 'utf8')) as { busybox: string[] };

let root = '';
const at = (path: string): string => join(root, path);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cli-plugins-'));
  for (const folder of ['plugins', 'usr/bin', 'usr/libexec/docker/cli-plugins', dirname(script), 'dev']) mkdirSync(at(folder), { recursive: true });
  const unpacked = join(source, 'build/cache/unpacked');
  const busybox = readdirSync(unpacked).find((name) => name.startsWith('busybox-static_'));
  if (busybox === undefined) throw new Error(`cannot test image "docker-cli-plugins": no busybox-static in ${unpacked} (make image brings it)`);
  copyFileSync(join(unpacked, busybox, 'usr/bin/busybox'), at('usr/bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', at(`usr/bin/${applet}`));
  symlinkSync('usr/bin', at('bin'));
  copyFileSync(join(service, 'root', script), at(script));
  ship('docker-compose', 'compose 1');
  ship('docker-buildx', 'buildx 1');
});
afterEach(() => { rmSync(root, { recursive: true }); });

function ship(name: string, content: string): void { writeFileSync(at(`usr/libexec/docker/cli-plugins/${name}`), content, { mode: 0o755 }); }

/** As the container does; `before` comes first, in a mount namespace of its own. */
function install(before = ''): { status: number | null; said: string; error: string } {
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-ec', `${before}\nexec chroot "$ROOT" ${script}`], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ROOT: root }, encoding: 'utf8', timeout: 30_000,
  });
  return { status, said: stdout, error: stderr };
}
const inode = (name: string): number => statSync(at(`plugins/${name}`)).ino;

it('installs both, executable, and leaves alone what is there', () => {
  expect(install()).toEqual({ status: 0, said: 'docker-buildx is installed\ndocker-compose is installed\n', error: '' });
  expect(readFileSync(at('plugins/docker-compose'), 'utf8')).toBe('compose 1');
  expect(statSync(at('plugins/docker-buildx')).mode & 0o7777).toBe(0o755);
  const before = inode('docker-compose');
  expect(install().said).toBe('docker-buildx is there\ndocker-compose is there\n');
  expect(inode('docker-compose')).toBe(before);
});

it('replaces one that is torn, and one of another build although it is as long', () => {
  install();
  const before = inode('docker-buildx');
  writeFileSync(at('plugins/docker-buildx'), 'buil');
  ship('docker-compose', 'compose 2');
  expect(install().said).toBe('docker-buildx is installed\ndocker-compose is installed\n');
  expect(readFileSync(at('plugins/docker-buildx'), 'utf8')).toBe('buildx 1');
  expect(readFileSync(at('plugins/docker-compose'), 'utf8')).toBe('compose 2');
  expect(inode('docker-buildx'), 'replaced whole, not written into').not.toBe(before);
});

it('does away with what a power cut left, and takes no other plugin', () => {
  writeFileSync(at('plugins/.docker-compose'), 'half');
  writeFileSync(at('plugins/docker-own'), 'mine');
  install();
  expect(readdirSync(at('plugins')).sort()).toEqual(['docker-buildx', 'docker-compose', 'docker-own']);
});

it('says that the disk is full, fails, and leaves nothing half', () => {
  ship('docker-compose', 'c'.repeat(200_000));
  const { status, error } = install('mount -t tmpfs -o size=64k tmpfs "$ROOT/plugins"; trap \'ls -A "$ROOT/plugins" >"$ROOT/left"\' EXIT; chroot "$ROOT" /usr/lib/corral/install-plugins; exit');
  expect(status).toBe(1);
  expect(error).toContain('cannot write docker-compose to /var/lib/rancher/cli-plugins');
  expect(readFileSync(at('left'), 'utf8')).toBe('docker-buildx\n');
  expect(existsSync(at('plugins/docker-buildx'))).toBe(false); // it was on the small one
});
