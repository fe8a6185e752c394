/** Logical volumes. */
import { runTool } from './exec.ts';

/** udev runs later: the nodes in /dev are lvm's own to make. And it keeps copies of its metadata in /etc, which cannot be written. */
const settings = 'activation { udev_sync = 0 udev_rules = 0 } backup { backup = 0 archive = 0 }';

/** All groups that are whole. */
export async function activateVolumes(): Promise<void> {
  await runTool('lvm', ['vgchange', '--activate', 'ay', '--config', settings], { timeoutMs: 60_000 });
}
