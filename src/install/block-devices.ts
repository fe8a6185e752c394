/** The machine's disks and what is on them, looked at anew. */
import { causeOf } from '../lib/errors.ts';
import { isBlank } from '../sys/disk.ts';
import { run, tryRun } from '../sys/exec.ts';
import { lsblkArguments, nothing, parseBlkid, parseLsblk, withChildren, withSignatures, type BlockDevice, type Signature } from './disks.ts';

const probeTimeoutMs = 15_000;
/** Of blkid: it has found more than one thing, and does not say which counts. */
const ambivalent = 8;

export async function blockDevices(): Promise<readonly BlockDevice[]> {
  const devices = parseLsblk(await run('lsblk', lsblkArguments));
  const signatures = new Map(await Promise.all(devices.flatMap(withChildren).map(async (device): Promise<[string, Signature]> => [device.path, await signature(device)])));
  return devices.map((device) => withSignatures(device, signatures));
}

/** What cannot be read is not blank. */
async function signature({ path, children }: BlockDevice): Promise<Signature> {
  try {
    const { code, stdout } = await tryRun('blkid', ['-c', '/dev/null', '-p', '-o', 'export', path], { timeoutMs: probeTimeoutMs });
    const found = parseBlkid(stdout);
    if (found.filesystem !== '' || found.table !== '') return found;
    if (code === ambivalent) return { ...found, filesystem: 'several signatures' };
    return children.length > 0 || await isBlank(path) ? found : { ...found, filesystem: 'data of an unknown kind' };
  } catch (error) {
    return { ...nothing, filesystem: `unreadable (${causeOf(error)})` };
  }
}
