/** Flags of dockerd as people write them: words of a command line, the option files of old, made one form. Pure. */

/** One flag: `--name=value`, or `--name` alone where `value` is undefined. `said` is where it was written, for telling. */
export interface Flag { readonly name: string; readonly value?: string; readonly said: string }

/** The one-letter flags of dockerd; the others with one letter take no value. */
const letters: Readonly<Record<string, string>> = { b: 'bridge', D: 'debug', g: 'graph', G: 'group', H: 'host', h: 'help', l: 'log-level', p: 'pidfile', s: 'storage-driver', v: 'version' };
const lettersAlone = 'Dhv';
/** Names that dockerd has given up, by what they are now. */
const renamed: Readonly<Record<string, string>> = { graph: 'data-root' };

/**
 * The flags in a list of words: `--a=b`, `--a b`, `-H b`, `-Hb`, or both in one word as people write it in lists (`--a b`). A word that belongs to no
 * flag comes back in `strays`.
 */
export function flagsOf(words: readonly string[], said: string): { readonly flags: readonly Flag[]; readonly strays: readonly string[] } {
  const flags: Flag[] = [];
  const strays: string[] = [];
  const split = words.flatMap(splitPair);
  for (let index = 0; index < split.length; index++) {
    const word = split[index] ?? '';
    const next = split[index + 1];
    const value = next === undefined || next.startsWith('-') ? undefined : next;
    const read = word.startsWith('--') ? longFlag(word, value) : shortFlags(word, value);
    if (read === undefined) { strays.push(word); continue; }
    flags.push(...read.flags.map((flag) => ({ ...flag, name: renamed[flag.name] ?? flag.name, said: `${said}: --${flag.name}` })));
    if (read.tookNext) index++;
  }
  return { flags, strays };
}

interface ReadFlags { readonly flags: readonly Omit<Flag, 'said'>[]; readonly tookNext: boolean }

/** `--debug true` is not how a flag without a value is given: the word after such a one is a stray, as dockerd has it. */
function longFlag(word: string, next: string | undefined): ReadFlags | undefined {
  const [, name, value] = /^--([A-Za-z][A-Za-z0-9-]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  if (name === undefined) return undefined;
  if (value !== undefined) return { flags: [{ name, value }], tookNext: false };
  if (next === undefined || switches.has(name)) return { flags: [{ name }], tookNext: false };
  return { flags: [{ name, value: next }], tookNext: true };
}

function shortFlags(word: string, next: string | undefined): ReadFlags | undefined {
  if (!/^-[A-Za-z]/.test(word)) return undefined;
  const flags: Omit<Flag, 'said'>[] = [];
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? '';
    const name = letters[letter] ?? letter;
    if (lettersAlone.includes(letter)) { flags.push({ name }); continue; }
    const rest = word.slice(at + 1).replace(/^=/, '');
    if (rest !== '') return { flags: [...flags, { name, value: rest }], tookNext: false };
    return { flags: [...flags, { name, ...(next !== undefined && { value: next }) }], tookNext: next !== undefined };
  }
  return { flags, tookNext: false };
}

/** One word of a list that holds a flag and its value, as in `--label a=b`. */
function splitPair(word: string): string[] {
  const [, flag, value] = /^(-[A-Za-z]|--[A-Za-z0-9-]+)\s+(\S[\s\S]*)$/.exec(word.trim()) ?? [];
  return flag === undefined ? [word.trim()] : [flag, value ?? ''];
}

/** Flags without a value. */
const switches: ReadonlySet<string> = new Set([
  'cri-containerd', 'debug', 'experimental', 'help', 'icc', 'init', 'ip-forward', 'ip-masq', 'ip6tables', 'iptables', 'ipv6', 'live-restore', 'no-new-privileges', 'raw-logs',
  'restart', 'rootless', 'selinux-enabled', 'tls', 'tlsverify', 'userland-proxy', 'validate', 'version',
]);

/** As dockerd takes it. */
export function asWord({ name, value }: Pick<Flag, 'name' | 'value'>): string { return value === undefined ? `--${name}` : `--${name}=${value}`; }

/** What dockerd understands of a flag without a value, and of its words for yes and no. Undefined: it would refuse to start. */
export function truth(value: string | undefined): boolean | undefined {
  if (value === undefined || /^(?:1|t|true)$/i.test(value)) return true;
  return /^(?:0|f|false)$/i.test(value) ? false : undefined;
}

export interface OptionsFile {
  /** The words of `DOCKER_OPTS`. */
  readonly words: readonly string[];
  /** `NAME=value` of what it exports. */
  readonly environment: readonly string[];
  /** Numbers of the lines that are no assignment: nothing runs them. */
  readonly notRead: readonly number[];
}

/**
 * RancherOS's `/var/lib/rancher/conf/docker`, a shell file that sets `DOCKER_OPTS`. Read, never run: assignments (`export` or not), quotes, comments,
 * and `$NAME` of what stands above.
 */
export function readOptionsFile(text: string): OptionsFile {
  const values = new Map<string, string>();
  const exported = new Set<string>();
  const notRead: number[] = [];
  text.replaceAll('\\\n', '  ').split('\n').forEach((line, index) => {
    if (/^\s*(?:#.*)?$/.test(line)) return;
    const [, isExported, name, right] = /^\s*(export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    const value = name === undefined ? undefined : shellValue((right ?? '').trim(), values);
    if (name === undefined || value === undefined) { notRead.push(index + 1); return; }
    values.set(name, value);
    if (isExported !== undefined && name !== 'DOCKER_OPTS') exported.add(name);
  });
  return { words: shellWords(values.get('DOCKER_OPTS') ?? ''), environment: [...exported].map((name) => `${name}=${values.get(name) ?? ''}`), notRead };
}

/** Undefined for what only a shell could tell: a command, or quotes that do not end. */
function shellValue(text: string, values: ReadonlyMap<string, string>): string | undefined {
  if (/^'[^']*'\s*(?:#.*)?$/.test(text)) return text.slice(1, text.lastIndexOf('\''));
  const [, quoted, bare] = /^(?:"((?:[^"\\`]|\\.)*)"|([^\s"'`;&|<>()]*))\s*(?:#.*)?$/.exec(text) ?? [];
  const inner = quoted?.replaceAll(/\\(["\\])/g, '$1') ?? bare;
  if (inner === undefined || /\$[^\w{]|\$\{[^}]*[^\w}]/.test(inner)) return undefined;
  return inner.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_all, braced: string | undefined, plain: string | undefined) => values.get(braced ?? plain ?? '') ?? '');
}

/** A text as words, with quotes and without any expansion. */
export function shellWords(text: string): string[] {
  return [...text.matchAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'])+/g)]
    .map(([word]) => word.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_all, double: string | undefined, single: string | undefined) => double?.replaceAll(/\\(.)/g, '$1') ?? single ?? ''));
}
