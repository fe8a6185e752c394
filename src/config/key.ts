/** Keys as people write them on a command line: dotted, and quoted where a step has a dot of its own. Pure. */
import { RosError } from '../lib/errors.ts';
import { suggest } from '../lib/suggest.ts';
import { isForbiddenKey } from './merge.ts';
import { lookUp } from './schema.ts';
import { parseYaml, plainScalar, YamlError, type Tree } from './yaml.ts';

const maxKeyLength = 1024;

/**
 * The path of `key` in `config`: `rancher.sysctl.net.ipv4.ip_forward` is one key of the map rancher.sysctl. Where neither
 * the schema nor the configuration tells how far a step goes, a dot ends it; `a."b.c".d` says it oneself.
 */
export function pathOfKey(key: string, config: unknown): string[] {
  const steps = split(key);
  const wrong = steps.find((step) => step === '' || isForbiddenKey(step));
  if (wrong !== undefined || key.length > maxKeyLength) throw new RosError('ERR_ROS_CONFIG_KEY', `cannot read key "${key.slice(0, 60)}": it is not a name like rancher.ssh.port`);
  return joined(steps, config, []);
}

function joined(steps: readonly string[], value: unknown, above: readonly string[]): string[] {
  const [first] = steps;
  if (first === undefined) return [...above];
  const own = typeof value === 'object' && value !== null ? value : {};
  for (let count = steps.length; count > 0; count--) {
    const step = steps.slice(0, count).join('.');
    if (Object.hasOwn(own, step)) return joined(steps.slice(count), (own as Record<string, unknown>)[step], [...above, step]);
  }
  if (lookUp(above).kind === 'map') return [...above, steps.join('.')];
  return joined(steps.slice(1), undefined, [...above, first]);
}

function split(key: string): string[] {
  const steps: string[] = [];
  let rest = key;
  for (;;) {
    const [whole, double, single, plain] = /^(?:"([^"]*)"|'([^']*)'|([^."']*))(?=\.|$)/.exec(rest) ?? [];
    if (whole === undefined) return [''];
    steps.push(double ?? single ?? plain ?? '');
    if (whole.length === rest.length) return steps;
    rest = rest.slice(whole.length + 1);
  }
}

/** The value at a path; undefined where there is none. A number is the place in a list. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((below, step) => (typeof below === 'object' && below !== null && Object.hasOwn(below, step) ? (below as Record<string, unknown>)[step] : undefined), value);
}

export interface KeyJudgement {
  readonly isKnown: boolean;
  /** Its name is nobody's but the user's own: of a variable, a service, an interface. */
  readonly isFree: boolean;
  /** The key that may be meant. */
  readonly meant?: string;
}

/** What the schema says of a key. */
export function judgeKey(path: readonly string[]): KeyJudgement {
  const above = lookUp(path.slice(0, -1)).kind;
  const isFree = above !== 'group' && path.length > 1;
  for (let depth = 1; depth <= path.length; depth++) {
    const { kind, siblings } = lookUp(path.slice(0, depth));
    if (kind !== undefined) continue;
    const meant = suggest(path[depth - 1] ?? '', siblings);
    return { isKnown: false, isFree, ...(meant !== undefined && { meant: [...path.slice(0, depth - 1), meant, ...path.slice(depth)].join('.') }) };
  }
  return { isKnown: true, isFree };
}

/**
 * A value from a command line as the key means it: text stays as it is, `[…]` and `{…}` and what has several lines is YAML,
 * `yes` and `0644` are what they are in a file. Undefined for `null`: nothing.
 */
export function valueOfText(path: readonly string[], text: string): Tree | undefined {
  const { kind } = lookUp(path);
  if (kind === 'text' || (kind === undefined && lookUp(path.slice(0, -1)).kind === 'map')) return text;
  if (text === 'null' || text === '~') return undefined;
  if (/^[[{]/.test(text) || (text.trim().includes('\n') && kind !== 'flag' && kind !== 'whole')) {
    try {
      return parseYaml(text);
    } catch (error) {
      if (!(error instanceof YamlError)) throw error;
      throw new RosError('ERR_ROS_CONFIG', `cannot set "${path.join('.')}": the value cannot be read: ${error.message}`, { hint: 'put it in single quotes: \'[one, two]\', \'{key: value}\'' });
    }
  }
  return kind === 'list' ? [plainScalar(text)] : plainScalar(text);
}
