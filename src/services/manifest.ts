/** Service files: text in, definitions out, with errors that name the file, the service and the key. Pure. */
import { load as parseYaml, YAMLException } from 'js-yaml';
import type * as z from 'zod/mini';
import { causeOf, RosError } from '../lib/errors.ts';
import { locate } from '../lib/locate.ts';
import { suggest } from '../lib/suggest.ts';
import { fileBinds, fillEnvironment } from './compose.ts';
import { declaredFilesSchema, fragmentSchema, serviceKeys, type RawFragment } from './manifest-schema.ts';

/** What Docker takes as the name of a container. */
export const serviceName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** Keys of a Compose file beside `services`; `version` and `name` say nothing here. */
const fileKeys = ['services', 'configs', 'secrets', 'version', 'name'] as const;

/** What one layer says of one service. */
export interface Fragment {
  readonly name: string;
  readonly origin: string;
  readonly raw: RawFragment;
  /** Of the system's own manifests. */
  readonly builtIn: boolean;
  /** As it was written, with its variables in their places: for showing. */
  readonly said: Readonly<Record<string, unknown>>;
  /** Of its `configs` and `secrets`, which are files beside the service file. */
  readonly binds: readonly string[];
}

/**
 * Reads a service file: the Compose Specification's `services:` form or RancherOS's bare map of services.
 * `${NAME}` and `${NAME:-default}` are replaced from `variables` (unknown names become empty, as in RancherOS), and so are
 * bare names in `environment`. Throws a RosError with every problem of the file, each with line and column.
 */
export function readManifest(text: string, origin: string, variables: Readonly<Record<string, string>>): Fragment[] {
  const { fragments, problems } = checkManifest(text, origin, variables);
  if (problems.length > 0) throw new RosError('ERR_ROS_MANIFEST', `cannot use service file "${origin}": ${problems.join('; ')}`);
  return fragments;
}

/** `readManifest` for who wants each problem by itself, and what is right besides. */
export function checkManifest(text: string, origin: string, variables: Readonly<Record<string, string>>): { fragments: Fragment[]; problems: string[] } {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    const at = error instanceof YAMLException && error.mark !== undefined ? `line ${error.mark.line + 1}, column ${error.mark.column + 1}: ` : '';
    return { fragments: [], problems: [`${at}${error instanceof YAMLException ? error.reason : causeOf(error)}`] };
  }
  if (!isMap(document) || Object.keys(document).length === 0) return { fragments: [], problems: ['it must be a map of services'] };
  const isCompose = isMap(document['services']) && document['services']['image'] === undefined;
  const services = isCompose ? document['services'] as Record<string, unknown> : document;
  const base = isCompose ? ['services'] : [];
  const problems: string[] = [];
  const report = (path: readonly PropertyKey[], message: string): void => {
    const at = locate(text, path);
    const shown = path[0] === base[0] ? path.slice(base.length) : path;
    problems.push(`${at === undefined ? '' : `line ${at.line}, column ${at.column}: `}${shown.join('.')}: ${message}`);
  };
  if (isCompose) for (const key of Object.keys(document)) if (!fileKeys.some((known) => known === key)) report([key], unknownKey(key, fileKeys));
  const declared = { configs: declaredFiles(document, 'configs', isCompose, report), secrets: declaredFiles(document, 'secrets', isCompose, report) };
  const fragments = readServices(services, origin, variables, declared, (path, message) => { report([...base, ...path], message); });
  return { fragments, problems };
}

/**
 * `rancher.services` of the cloud-config. What is wrong there is told to `warn`, by service, and leaves the others alone.
 */
export function readConfiguredServices(services: unknown, origin: string, variables: Readonly<Record<string, string>>, warn: (problem: string) => void): Fragment[] {
  if (services === undefined) return [];
  if (!isMap(services)) { warn('rancher.services: must be a map of services'); return []; }
  return readServices(services, origin, variables, { configs: {}, secrets: {} }, (path, message) => { warn(`${['rancher', 'services', ...path].map(String).join('.')}: ${message}`); });
}

function readServices(services: Readonly<Record<string, unknown>>, origin: string, variables: Readonly<Record<string, string>>, declared: DeclaredFiles, report: Report): Fragment[] {
  return Object.entries(services).flatMap(([name, body]) => {
    if (!serviceName.test(name)) { report([name], 'a service is named with letters, digits, "_", "." and "-"'); return []; }
    const said = prepare(body, variables);
    const parsed = fragmentSchema.safeParse(said);
    if (!parsed.success) {
      reportIssues(parsed.error.issues, [name], report);
      return [];
    }
    const raw = parsed.data;
    try {
      return [{ name, origin, raw, said: isMap(said) ? said : {}, builtIn: false, binds: [...fileBinds('configs', raw.configs ?? [], declared.configs, origin), ...fileBinds('secrets', raw.secrets ?? [], declared.secrets, origin)] }];
    } catch (error) {
      report([name], causeOf(error));
      return [];
    }
  });
}

type Report = (path: readonly PropertyKey[], message: string) => void;

function reportIssues(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[], report: Report): void {
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) report([...base, ...issue.path, key], unknownKey(key, issue.path.length === 0 ? serviceKeys : []));
    else report([...base, ...issue.path], issue.message.replace(/^Invalid (?:input|option): /, ''));
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = suggest(key, known);
  return `unknown key${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
}

/** A service's body with its variables in their places. */
function prepare(body: unknown, variables: Readonly<Record<string, string>>): unknown {
  const filled = interpolate(body, variables);
  return isMap(filled) && 'environment' in filled ? { ...filled, environment: fillEnvironment(filled['environment'], variables) } : filled;
}

type DeclaredFiles = Readonly<Record<'configs' | 'secrets', Readonly<Record<string, string>>>>;

function declaredFiles(document: Readonly<Record<string, unknown>>, kind: 'configs' | 'secrets', isCompose: boolean, report: Report): Readonly<Record<string, string>> {
  if (!isCompose || document[kind] === undefined) return {};
  const parsed = declaredFilesSchema.safeParse(document[kind]);
  if (parsed.success) return parsed.data;
  reportIssues(parsed.error.issues, [kind], report);
  return {};
}

function interpolate(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return value.replaceAll(/\$\$|\$\{(\w+)(?::-([^}]*))?\}/g, (match, name: string, fallback?: string) => (match === '$$' ? '$' : (variables[name] ?? fallback ?? '')));
  if (Array.isArray(value)) return value.map((entry) => interpolate(entry, variables));
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, interpolate(entry, variables)]));
  return value;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
