/** Logical volumes. Its settings are in the root image, /etc/lvm/lvm.conf: udev runs later. */
import { runTool } from './exec.ts';

/** All groups that are whole. */
export async function activateVolumes(): Promise<void> {
  await runTool('lvm', ['vgchange', '--activate', 'ay'], { timeoutMs: 60_000 });
}
