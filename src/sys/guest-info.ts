/** What a VMware hypervisor keeps for its guest, by open-vm-tools' program or one of the same name and manners. */
import { tryRun } from './exec.ts';

/** Undefined when it keeps nothing under that key. Throws when there is no program to ask with. */
export async function readGuestInfo(key: string): Promise<string | undefined> {
  const { code, stdout } = await tryRun('vmware-rpctool', [`info-get guestinfo.${key}`], { timeoutMs: 10_000 });
  return code === 0 && stdout.trim() !== '' ? stdout.replace(/\n$/, '') : undefined;
}
