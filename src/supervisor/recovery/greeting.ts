/** What a person reads before the recovery shell. Pure. */

export type Guard =
  | { readonly kind: 'none' }
  /** As in /etc/shadow; its password is asked for. */
  | { readonly kind: 'password'; readonly hash: string }
  /** A password is set, and cannot be checked here: nobody gets in, and it is said what to do. */
  | { readonly kind: 'closed'; readonly why: string };

const lines: readonly string[] = [
  'This is the recovery shell of CorralOS: root on the machine itself, outside all containers.',
  '',
  '  lsblk -f, blkid            which disks there are, and what is on them',
  '  e2fsck -f DEVICE           check a filesystem that is not mounted, and mend it',
  '  mount DEVICE /mnt          then edit /mnt/var/lib/rancher/conf/cloud-config.yml with vi',
  '  cryptsetup, lvm, mdadm     open what is encrypted, in a volume group, an array (bare-metal image)',
  '  ip link, udhcpc -qni eth0  the network; wget, nc and tftp use it',
  '  dmesg, ros logs, ros config show    what has happened, and what is configured',
  '',
];

export function greeting(cause: string | undefined, guard: Guard): string {
  const why = cause === undefined ? [] : [`The boot has failed: ${cause}`, ''];
  const leave = `"exit" goes on with the boot, "reboot" starts the machine again.`;
  const asks = guard.kind === 'password' ? ['', 'The password is that of the user rancher.'] : [];
  return `\n${[...why, ...lines, leave, ...asks].join('\n')}\n\n`;
}

/** busybox checks these itself. */
const checkable = /^\$(?:1|5|6)\$/;

/** What is to stand before the shell; `hashOf` makes a hash of a password in clear. */
export async function guardOf({ password, passwordHash }: { readonly password: string | undefined; readonly passwordHash: string | undefined }, hashOf: (password: string) => Promise<string>): Promise<Guard> {
  if (password !== undefined) return { kind: 'password', hash: await hashOf(password) };
  if (passwordHash === undefined) return { kind: 'none' };
  if (checkable.test(passwordHash)) return { kind: 'password', hash: passwordHash };
  return { kind: 'closed', why: 'The password of the user rancher is kept as a hash that cannot be checked here ("openssl passwd -6" makes one that can). Boot with rancher.password=… to set another.' };
}
