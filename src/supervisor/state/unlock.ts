/** Opens an encrypted device: with the key file where there is one, else with a passphrase that is asked for on the consoles. */
import { RosError, causeOf } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { askConsoles, quietConsoles, tellConsoles } from '../../sys/console.ts';
import { findDevice, mountOnce, unmount, type BlockDevice } from '../../sys/disk.ts';
import { exists } from '../../sys/files.ts';
import { isOpen, mappedName, openLuks } from '../../sys/luks.ts';
import type { Machine } from '../machine.ts';
import { keyFileOf } from './decide.ts';

/** All tries together. */
const askMs = 120_000;
const tries = 3;
/** A stick with keys may take a moment to appear. */
const keyWaitMs = 10_000;
const keyPoint = '/run/ros/keys';

/** Throws when it stays closed, and says why. */
export async function unlock(machine: Machine, { name: device, uuid }: BlockDevice): Promise<void> {
  const name = mappedName(uuid, device);
  if (await isOpen(name)) return;
  const { keyFile } = machine.settings.state.luks ?? {};
  if (keyFile !== undefined) {
    const problem = await withKeyFile(machine, keyFile, async (path) => (await openLuks(device, name, { keyFile: path })) ? undefined : 'it does not fit').catch((error: unknown) => causeOf(error));
    if (problem === undefined) { machine.log.info(`state: ${device} opened with key file "${keyFile}"`); return; }
    machine.log.error(`state: cannot open ${device} with key file "${keyFile}": ${problem}`);
    await tellConsoles(`cannot open ${device} with key file "${keyFile}": ${problem}\n`);
  }
  await askForPassphrase(machine, device, name);
}

async function askForPassphrase({ clock, log }: Machine, device: string, name: string): Promise<void> {
  log.warn(`state: waiting up to ${askMs / 1000} s for the passphrase of ${device} on the console`);
  const untilMs = clock.uptimeMs() + askMs;
  const letOn = await quietConsoles();
  try {
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const passphrase = await askConsoles({ prompt: `\nPassphrase for ${device}: `, isHidden: true, timeoutMs: untilMs - clock.uptimeMs() });
      if (passphrase === undefined) throw new RosError('ERR_ROS_TIMEOUT', `cannot open ${device}: nobody entered its passphrase within ${askMs / 1000} s`);
      if (await openLuks(device, name, { passphrase })) { log.info(`state: ${device} opened with a passphrase`); return; }
      await tellConsoles('That is not its passphrase.\n');
    }
    throw new RosError('ERR_ROS_LUKS', `cannot open ${device}: ${tries} wrong passphrases`);
  } finally {
    await letOn();
  }
}

async function withKeyFile<T>({ clock }: Machine, text: string, use: (path: string) => Promise<T>): Promise<T> {
  const { device: spec, path } = keyFileOf(text);
  if (spec === undefined) {
    if (!(await exists(path))) throw new Error('no such file');
    return use(path);
  }
  const device = await waitFor(async () => {
    const found = await findDevice(spec);
    if (found === undefined) throw new Error('no such device yet');
    return found;
  }, { clock, what: `"${spec}" with the key file`, timeoutMs: keyWaitMs, pauseMs: 500 });
  await mountOnce(device, keyPoint, { options: 'ro,nosuid,nodev,noexec' });
  try { return await use(`${keyPoint}${path}`); } finally { await unmount(keyPoint).catch(() => undefined); }
}
