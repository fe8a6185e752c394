/** The configuration that is needed before state is open: kernel parameters, and what a config drive says. */
import { describeProblem, loadConfig, probeDatasources, saveFound, settingsOf, type Problem } from '../../config/index.ts';
import { findDevice, mountOnce, unmount } from '../../sys/disk.ts';
import { kernelCommandLine } from '../../sys/proc.ts';
import { paths, type Machine } from '../machine.ts';

/** Long for a drive, which answers at once; a boot never waits longer than this for a datasource. */
const datasourceTimeoutMs = 20_000;
const drivePoint = '/run/ros/config-drive';

/** Kernel parameters first: they may name the datasources. */
export async function readEarlyConfig(machine: Machine): Promise<void> {
  await reloadConfig(machine);
  const { found, problems } = await probeDatasources({
    names: machine.settings.datasources,
    timeoutMs: datasourceTimeoutMs,
    volumes: {
      findByLabel: (label) => findDevice(`LABEL=${label}`),
      async mountReadOnly(device, type) {
        await mountOnce(device, drivePoint, { options: 'ro,nosuid,nodev,noexec', ...(type !== undefined && { type }) });
        return drivePoint;
      },
      unmount,
    },
  });
  machine.found = { value: found, problems };
  await keepFound(machine);
}

/**
 * Saves what the datasource gave where the configuration is read from, and reads it. Done twice: state's own place may
 * come up only after the drive has said where it is.
 */
export async function keepFound(machine: Machine): Promise<void> {
  const { value, problems } = machine.found;
  await reloadConfig(machine, value === undefined ? problems : [...problems, ...(await saveFound(paths.conf, value)).problems]);
}

async function reloadConfig(machine: Machine, more: readonly Problem[] = []): Promise<void> {
  const { config, problems } = await loadConfig({ confDirectory: paths.conf, cmdline: await kernelCommandLine() });
  machine.settings = settingsOf(config);
  for (const topic of machine.warnings.keys()) if (topic.startsWith('config ')) machine.warnings.delete(topic);
  for (const problem of [...problems, ...more]) {
    const sentence = `Configuration: ${describeProblem(problem)}`;
    if (problem.severity === 'error') machine.log.error(sentence);
    else machine.log.warn(sentence);
    machine.warnings.set(`config ${sentence}`, sentence);
  }
}
