/** The configuration that is needed before state is open: kernel parameters, and what datasources say that need no network. */
import { describeProblem, loadConfig, saveFound, settingsOf, type Problem } from '../../config/index.ts';
import { kernelCommandLine } from '../../sys/proc.ts';
import { endTrialAtBoot } from '../config-trial.ts';
import { paths, type Machine } from '../machine.ts';
import { askLocalDatasources } from './datasources.ts';

/** Kernel parameters first: they may name the datasources. */
export async function readEarlyConfig(machine: Machine): Promise<void> {
  await readWithTrialEnded(machine);
  await askLocalDatasources(machine);
  await keepFound(machine);
}

/**
 * Saves what the datasource gave where the configuration is read from, and reads it. Done twice: state's own place may
 * come up only after the drive has said where it is, and only what is kept there may name a datasource.
 */
export async function keepFound(machine: Machine): Promise<void> {
  await readWithTrialEnded(machine);
  if (machine.found.value === undefined) await askLocalDatasources(machine);
  await saveAndRead(machine);
}

/** As `keepFound`, for what came while the machine runs. Whether anything of the configuration has changed. */
export async function saveAndRead(machine: Machine): Promise<boolean> {
  const { value } = machine.found;
  const saved = value === undefined ? { changed: false, problems: [] } : await saveFound(paths.conf, value);
  machine.found = { ...machine.found, saved: saved.problems };
  await readConfig(machine);
  return saved.changed;
}

/** Reads the configuration anew; what was wrong with what the datasource gave in this boot stays told. */
export async function readConfig(machine: Machine): Promise<void> { await reloadConfig(machine, [...machine.found.problems, ...machine.found.saved ?? []]); }

async function readWithTrialEnded(machine: Machine): Promise<void> {
  await endTrialAtBoot(paths.conf, (sentence) => {
    machine.log.warn(`config: ${sentence}`);
    machine.warnings.set('trial', sentence);
  });
  await readConfig(machine);
}

async function reloadConfig(machine: Machine, more: readonly Problem[]): Promise<void> {
  const { config, layers, problems } = await loadConfig({ confDirectory: paths.conf, oemFile: `${paths.oem}/oem-config.yml`, cmdline: await kernelCommandLine() });
  machine.settings = settingsOf(config);
  machine.configuredServices = layers.flatMap((layer) => {
    const services: unknown = layer.config.rancher?.services;
    return services === undefined ? [] : [{ name: layer.name, services, isOem: layer.origin === 'oem' }];
  });
  for (const topic of machine.warnings.keys()) if (topic.startsWith('config ')) machine.warnings.delete(topic);
  for (const problem of [...problems, ...more]) {
    if (isNote(problem)) continue;
    const sentence = `Configuration: ${describeProblem(problem)}`;
    if (problem.severity === 'error') machine.log.error(sentence);
    else machine.log.warn(sentence);
    machine.warnings.set(`config ${sentence}`, sentence);
  }
}

/** What is right but has no effect yet: `ros config validate` says so. */
function isNote({ severity }: Problem): boolean { return severity === 'note'; }
