/** Top-level keys: those of RancherOS, and of cloud-init those that people expect of a machine. */
import { gunzipSync } from 'node:zlib';
import { checked, choice, either, entries, fallback, flag, group, later, list, listOf, needs, obsolete, secret, text, whole, type Fault } from '../fields.ts';
import { absolutePath, certificate, fileMode, oneLine, owner, passwdField, passwordHash, size, userName } from './forms.ts';

export const commands = (doc: string) => listOf(doc, either('One command.', 'a command: text for sh, or a list of words', text('For `sh -c`.'), list('A program and its arguments.')));

/** Content of files beyond this, in all, is for an image or a volume: a kilobyte of gzip can stand for a megabyte. */
export const maxFileBytes = 8 * 1024 * 1024;
const encodings = ['', 'text/plain', 'b64', 'base64', 'gz', 'gzip', 'gz+b64', 'gz+base64', 'gzip+b64', 'gzip+base64'];

/** The bytes of a file as they are to be on disk. Throws when `content` is not what `encoding` says. */
export function decodeContent(content: string, encoding: string): Buffer {
  if (encoding === '' || encoding === 'text/plain') return Buffer.from(content);
  // Without base64 gzip cannot stand in YAML, so `gz` alone means both.
  const digits = content.replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(digits)) throw new Error('content is not base64');
  const bytes = Buffer.from(digits, 'base64');
  if (!encoding.startsWith('gz')) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: maxFileBytes });
  } catch {
    throw new Error(`content is not gzip in base64, or unpacks to more than ${maxFileBytes} bytes`);
  }
}

const file = checked(group('One file.', {
  path: text('Where, in the container.', absolutePath),
  content: fallback(text('What is in it.'), ''),
  encoding: fallback(choice('How content is written: b64 or base64, gz or gzip (in base64), gz+b64 and so on.', encodings), 'text/plain'),
  owner: fallback(text('User, or "user:group", by names or numbers of the container.', owner), 'root'),
  permissions: fallback(text('Mode in octal.', fileMode), '0644'),
  append: fallback(flag('Add to what the file holds already.'), false),
  container: fallback(text('The system service whose container gets it.'), 'console'),
  defer: obsolete(flag('Accepted for cloud-init\'s sake: users exist before files are written.')),
}), ({ path }) => needs('path', path));

export const writeFiles = checked(listOf('Files that containers find when they start. 8 MiB in all.', file), (files) => {
  const faults: Fault[] = [];
  let left = maxFileBytes;
  for (const [at, { content = '', encoding = '' }] of files.entries()) {
    try {
      left -= decodeContent(content, encoding).length;
    } catch (error) {
      faults.push({ at, message: (error as Error).message });
      left -= maxFileBytes / 8;
    }
    // Those without a fault are looked at again.
    if (left < 0) return faults.length > 0 ? faults : [{ message: `holds more than ${maxFileBytes} bytes in all` }];
  }
  return faults;
});

export const mounts = listOf('Filesystems to mount: [device, mountpoint, type, options], all four. The device may be LABEL=… or UUID=…, the type "", auto, swap, nfs or tmpfs, options "", defaults or bind.',
  checked(list('One filesystem.', oneLine), ([device, point, type, ...rest]) => {
    const count = [device, point, type].filter((field) => field !== undefined).length + rest.length;
    if (count !== 4) return [{ message: `needs 4 fields (device, mountpoint, type, options), has ${count}` }];
    if (device === '') return [{ message: 'needs a device' }];
    return type === 'swap' || absolutePath.pattern.test(point ?? '') ? [] : [{ message: `the mountpoint must be ${absolutePath.says}` }];
  }));

const words = (doc: string) => list(`${doc} A list, or one text with commas between.`, oneLine);
const isNothing = (value: unknown): boolean => value === false || value === '';

const user = checked(group('One user.', {
  name: text('Login name.', userName),
  uid: whole('Number of the user; without it a free one, and the same one from then on.', 0, 4_294_967_294),
  gecos: text('Full name.', passwdField),
  homedir: text('Home directory: /home/<name> without it.', absolutePath),
  primary_group: text('Group of the user: one of the same name without it.', userName),
  groups: words('Further groups.'),
  shell: fallback(text('Login shell.', absolutePath), '/bin/bash'),
  sudo: either('What follows the name on lines of sudoers, such as "ALL=(ALL) NOPASSWD:ALL"; false for none.', 'text, a list of texts, or false', flag('False: none.'), list('Lines.', oneLine)),
  ssh_authorized_keys: list('Keys that may log in.'),
  passwd: secret(text('Password, as a hash ("openssl passwd -6").', passwordHash)),
  hashed_passwd: secret(text('The same as passwd.', passwordHash)),
  plain_text_passwd: secret(later(text('Password in clear: use passwd.', oneLine))),
  lock_passwd: fallback(flag('No login by password.'), true),
  no_create_home: fallback(flag('Do not make the home directory.'), false),
  system: fallback(flag('A user for a service, with a low number.'), false),
  no_user_group: later(flag('No group of the user\'s name.')),
  no_log_init: obsolete(flag('There is no login log.')),
  expiredate: later(text('Date the user is disabled at.')),
  inactive: later(text('Days after which an expired password disables the user.'), isNothing),
  ssh_import_id: later(list('Keys fetched from elsewhere.')),
  ssh_redirect_user: later(flag('Tell who logs in to use another user.')),
  selinux_user: obsolete(text('There is no SELinux.')),
}, Object.fromEntries(['primary-group', 'ssh-authorized-keys', 'hashed-passwd', 'plain-text-passwd', 'lock-passwd', 'no-create-home', 'no-user-group', 'no-log-init', 'ssh-import-id'].map((name) => [name, name.replaceAll('-', '_')]))),
({ name }) => needs('name', name));

export const users = listOf('Users of the console. "default" stands for rancher and docker, which are always there.', either('One user.', 'a name or a map', text('Its name.', userName), user));

export const groups = listOf('Groups of the console: names, or {name: [members]}.',
  either('One group.', 'a name or a map', text('Its name.', userName), entries('By name, its members.', words('Members.'))));

export const ntp = group('Time from the network.', {
  enabled: fallback(flag('Set the clock.'), true),
  servers: list('Servers, by name or address. Without servers and pools DHCP may name them.', oneLine),
  pools: list('Names that stand for many servers.', oneLine),
  ntp_client: obsolete(text('It is chrony.')),
});

export const caCerts = group('Certificates of authorities to trust, in the console and by the engines.', {
  remove_defaults: fallback(flag('Trust no others.'), false),
  trusted: list('Certificates in PEM.', certificate),
}, { 'remove-defaults': 'remove_defaults' });

export const swap = checked(group('A swap file on the state partition.', {
  filename: text('Its path: /var/lib/rancher/swapfile without it.', absolutePath),
  size: text('Bytes, or with K, M, G. "auto": maxsize, at most 1G without it.', size),
  maxsize: text('The most that "auto" may take.', size),
}), ({ filename, size: wanted, maxsize }) => (filename === undefined && maxsize === undefined ? [] : needs('size', wanted)));
