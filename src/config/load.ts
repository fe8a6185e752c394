/**
 * The configuration of this machine, layer on layer (later wins): built in < oem-config.yml < cloud-config.d/*.yml by name <
 * cloud-config.yml < kernel parameters < metadata (which only fills in). A broken file never stops a boot: its last good
 * copy stays in force; when there is none, what is right in it is used, for half a configuration may still let you log in.
 */
import { join } from 'node:path';
import { causeOf } from '../lib/errors.ts';
import { exists, listDirectory, readTextFile } from '../sys/files.ts';
import { builtInConfig } from './defaults.ts';
import { cmdlineSource, parseKernelCmdline } from './kernel-cmdline.ts';
import { LastGood } from './last-good.ts';
import { merge, type ConfigMap } from './merge.ts';
import { withMetadata } from './metadata.ts';
import type { Problem } from './problem.ts';
import type { CloudConfig } from './schema.ts';
import { validate } from './validate.ts';
import { parseYaml, YamlError } from './yaml.ts';

/** Where a RancherOS machine keeps its configuration. */
export const confDirectory = '/var/lib/rancher/conf';

/** Far beyond any real cloud-config, and read in no time. */
export const maxConfigBytes = 1024 * 1024;

/** The user's own layer, which commands write. */
const ownFile = 'cloud-config.yml';

export interface LoadOptions {
  readonly confDirectory: string;
  /** The maker's layer, from a partition that is only read: what is right in it is used. */
  readonly oemFile?: string;
  /** The text of /proc/cmdline, and what was kept out of it (after ` -- `) appended. */
  readonly cmdline?: string;
  /** Laid under everything else; the built-in defaults unless given. */
  readonly builtIn?: ConfigMap;
  /** Look only: no last good copy is kept or forgotten. */
  readonly readOnly?: boolean;
  /** In the place of what `cloud-config.yml` says: what would be if that were so. Look only. */
  readonly cloudConfig?: string;
}

export interface Layer {
  /** `built-in`, `cloud-config.d/boot.yml`, `cloud-config.yml`, `kernel parameters`, `metadata`. */
  readonly name: string;
  /** The file it was read from, where it is a file. */
  readonly source: string;
  readonly origin: 'built-in' | 'oem' | 'file' | 'cmdline' | 'metadata';
  readonly config: CloudConfig;
  /** The file is broken and its last good copy is used in its place. */
  readonly usedLastGood: boolean;
  readonly problems: readonly Problem[];
}

export interface LoadedConfig {
  readonly config: CloudConfig;
  /** In the order they were merged: what `ros config show --origin` needs. */
  readonly layers: readonly Layer[];
  /** Those of all layers, and those of keeping last good copies. */
  readonly problems: readonly Problem[];
}

/** Never throws. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { confDirectory: directory } = options;
  const lastGood = new LastGood(directory, maxConfigBytes);
  const problems: Problem[] = [];
  const layers: Layer[] = [builtInLayer(options.builtIn ?? builtInConfig)];

  if (options.oemFile !== undefined && await exists(options.oemFile)) layers.push(await oemLayer(options.oemFile));
  const readOnly = options.readOnly === true || options.cloudConfig !== undefined;
  const names = await layerFiles(directory, problems);
  for (const name of names) if (name !== ownFile || options.cloudConfig === undefined) layers.push(await fileLayer(directory, name, lastGood, readOnly));
  if (options.cloudConfig !== undefined) layers.push(supposedLayer(directory, options.cloudConfig));
  if (!readOnly) await attempt(directory, problems, () => lastGood.forgetAllBut(names));

  if (options.cmdline !== undefined) layers.push(cmdlineLayer(options.cmdline));
  const merged = layers.reduce<ConfigMap>((below, layer) => merge(below, layer.config), {});
  const metadata = await withMetadata(directory, merged as CloudConfig);
  if (metadata !== undefined) layers.push(metadata.layer);

  return {
    config: metadata?.config ?? (merged as CloudConfig),
    layers,
    problems: [...problems, ...layers.flatMap((layer) => layer.problems)],
  };
}

function builtInLayer(config: ConfigMap): Layer {
  return { name: 'built-in', source: 'built-in', origin: 'built-in', config: config as CloudConfig, usedLastGood: false, problems: [] };
}

async function oemLayer(source: string): Promise<Layer> {
  const { config, problems } = await readLayer(source);
  return { name: 'oem-config.yml', source, origin: 'oem', config, usedLastGood: false, problems };
}

/** As if the user's own file said this. */
function supposedLayer(directory: string, text: string): Layer {
  const source = join(directory, ownFile);
  const { config, problems } = parseLayer(text, source);
  return { name: ownFile, source, origin: 'file', config, usedLastGood: false, problems };
}

function cmdlineLayer(cmdline: string): Layer {
  const { fragment, problems } = parseKernelCmdline(cmdline);
  const { config, problems: wrong } = validate(fragment, cmdlineSource);
  return { name: cmdlineSource, source: '/proc/cmdline', origin: 'cmdline', config, usedLastGood: false, problems: [...problems, ...wrong] };
}

/** What is wrong with kernel parameters that are to be, as far as they are configuration. */
export function judgeKernelParameters(cmdline: string): readonly Problem[] { return cmdlineLayer(cmdline).problems; }

/** The names of the layer files below the configuration directory, in order. Hidden files are half-written ones. */
async function layerFiles(directory: string, problems: Problem[]): Promise<string[]> {
  let names: string[] = [];
  await attempt(join(directory, 'cloud-config.d'), problems, async () => {
    names = (await listDirectory(join(directory, 'cloud-config.d')))
      .filter((name) => name.endsWith('.yml') && !name.startsWith('.'))
      .map((name) => `cloud-config.d/${name}`);
  });
  if (await exists(join(directory, ownFile))) names.push(ownFile);
  return names;
}

async function fileLayer(directory: string, name: string, lastGood: LastGood, readOnly: boolean): Promise<Layer> {
  const source = join(directory, name);
  const read = await readLayer(source);
  const layer = { name, source, origin: 'file' as const };
  if (read.valid) {
    const problems = [...read.problems];
    if (!readOnly) await attempt(source, problems, () => lastGood.keep(name, read.text));
    return { ...layer, config: read.config, usedLastGood: false, problems };
  }
  const copy = await lastGood.read(name);
  const good = copy === undefined ? undefined : parseLayer(copy, source);
  if (good?.valid !== true) return { ...layer, config: read.config, usedLastGood: false, problems: read.problems };
  const note: Problem = { severity: 'warning', source, message: 'the last good copy of this file stays in force' };
  return { ...layer, config: good.config, usedLastGood: true, problems: [...read.problems, note] };
}

interface ParsedLayer { readonly config: CloudConfig; readonly valid: boolean; readonly problems: readonly Problem[]; readonly text: string }

async function readLayer(source: string): Promise<ParsedLayer> {
  try {
    return parseLayer(await readTextFile(source, maxConfigBytes) ?? '', source);
  } catch (error) {
    return { config: {}, valid: false, problems: [{ severity: 'error', source, message: causeOf(error) }], text: '' };
  }
}

/** The text of one cloud-config: also what user-data is judged by before it is saved. */
export function parseLayer(text: string, source: string): ParsedLayer {
  const broken = (problem: Omit<Problem, 'severity' | 'source'>): ParsedLayer =>
    ({ config: {}, valid: false, problems: [{ severity: 'error', source, ...problem }], text });
  if (text.length > maxConfigBytes) return broken({ message: `it is larger than ${maxConfigBytes} bytes` });
  // Bytes that are no text were replaced by this mark when the file was read.
  if (text.includes('\uFFFD')) return broken({ message: 'it is not UTF-8 text' });
  try {
    return { ...validate(parseYaml(text), source, text), text };
  } catch (error) {
    if (!(error instanceof YamlError)) return broken({ message: 'it cannot be read' });
    const { line, column, snippet, message } = error;
    return broken({ message, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }), ...(snippet === undefined ? {} : { snippet }) });
  }
}

/** Keeping copies is a service to a later boot: that it fails (a full or read-only disk) must not hurt this one. */
async function attempt(source: string, problems: Problem[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    problems.push({ severity: 'warning', source, message: causeOf(error) });
  }
}
