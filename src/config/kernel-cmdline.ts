/**
 * Kernel parameters as configuration: `rancher.a.b=yaml` is the key rancher.a.b, `cc.key=yaml` a top-level key, a bare
 * name is true, and a list repeats or is written `[a,b]`. What stands after ` -- ` counts too. Never throws: whoever
 * edits a boot menu must get a booting machine.
 */
import { isForbiddenKey } from './merge.ts';
import { printableKey, type Problem } from './problem.ts';
import { lookUp } from './schema.ts';
import { isTreeMap, parseYaml, Plain, plainScalar, YamlError, type Tree, type TreeMap } from './yaml.ts';

export interface CmdlineFragment { readonly fragment: TreeMap; readonly problems: readonly Problem[] }

export const cmdlineSource = 'kernel parameters';

/** The kernel itself stops at 4 KiB (2 KiB of it from the boot loader); more than this is not a command line. */
const maxLength = 16_384;
const maxKeyLength = 256;
const maxKeyDepth = 16;

export function parseKernelCmdline(cmdline: string): CmdlineFragment {
  const fragment: TreeMap = {};
  const problems: Problem[] = [];
  if (cmdline.length > maxLength) problems.push(warn('', `only the first ${maxLength} characters are read`));
  for (const token of splitParameters(cmdline.slice(0, maxLength))) {
    const equals = token.indexOf('=');
    const name = equals === -1 ? token : token.slice(0, equals);
    const path = pathOf(name);
    if (path === undefined) continue;
    const shown = printableKey(name);
    if (name.length > maxKeyLength || path.length > maxKeyDepth) problems.push(warn(shown, 'the name is too long; ignored'));
    else if (path.some((step) => step === '' || isForbiddenKey(step))) problems.push(warn(shown, 'not a key; ignored'));
    else {
      const { value, problem } = valueOf(path, equals === -1 ? undefined : token.slice(equals + 1));
      if (problem !== undefined) problems.push(warn(shown, problem));
      put(fragment, path, value);
    }
  }
  return { fragment, problems };
}

function warn(path: string, message: string): Problem {
  return { severity: 'warning', source: cmdlineSource, path, message };
}

/** `rancher.sysctl.net.ipv4.ip_forward` is one key of the map rancher.sysctl: below a map of texts nothing nests. */
function pathOf(name: string): string[] | undefined {
  const isTop = name.startsWith('cc.');
  if (!isTop && !name.startsWith('rancher.')) return undefined;
  const steps = (isTop ? name.slice('cc.'.length) : name).split('.');
  for (let depth = 2; depth < Math.min(steps.length, maxKeyDepth); depth++) {
    if (lookUp(steps.slice(0, depth)).kind === 'map') return [...steps.slice(0, depth), steps.slice(depth).join('.')];
  }
  return steps;
}

function valueOf(path: readonly string[], text: string | undefined): { value: Tree; problem?: string } {
  if (text === undefined) return { value: new Plain('true', true) };
  const unquoted = unquote(text);
  // A password is what stands there, whatever YAML would make of it.
  const { kind } = lookUp(path);
  if (kind === 'text' || (kind === undefined && lookUp(path.slice(0, -1)).kind === 'map')) return { value: unquoted };
  if (unquoted !== text) return { value: kind === 'list' ? [unquoted] : unquoted };
  if (!/^[[{]/.test(text)) return { value: plainScalar(text) };
  try {
    return { value: parseYaml(text) };
  } catch (error) {
    return { value: text, problem: `read as text: ${error instanceof YamlError ? error.message : 'not YAML'}` };
  }
}

function unquote(text: string): string {
  const quote = text[0];
  return (quote === '"' || quote === "'") && text.length > 1 && text.endsWith(quote) ? text.slice(1, -1) : text;
}

/** Lists grow when a parameter repeats; of anything else the last one counts, as for the kernel's own. */
function put(fragment: TreeMap, path: readonly string[], value: Tree): void {
  let map = fragment;
  for (const step of path.slice(0, -1)) {
    const below = Object.hasOwn(map, step) ? map[step] : undefined;
    map = isTreeMap(below) ? below : (map[step] = {});
  }
  const last = path.at(-1) ?? '';
  const before = Object.hasOwn(map, last) ? map[last] : undefined;
  if (before !== undefined && lookUp(path).kind === 'list') map[last] = [...asArray(before), ...asArray(value)];
  else map[last] = value;
}

function asArray(tree: Tree): Tree[] {
  return Array.isArray(tree) ? tree : [tree];
}

/** Splits at white space, except within quotes (around a parameter or around its value) and within `[…]` and `{…}`. */
export function splitParameters(cmdline: string): string[] {
  const tokens: string[] = [];
  let index = 0;
  while (index < cmdline.length) {
    if (/\s/.test(cmdline[index] ?? '')) { index++; continue; }
    const quoted = cmdline[index] === '"' || cmdline[index] === "'" ? closingQuote(cmdline, index) : undefined;
    if (quoted !== undefined) {
      tokens.push(cmdline.slice(index + 1, quoted));
      index = quoted + 1;
      continue;
    }
    const end = tokenEnd(cmdline, index);
    tokens.push(cmdline.slice(index, end));
    index = end;
  }
  return tokens;
}

function tokenEnd(cmdline: string, start: number): number {
  const plainEnd = nextSpace(cmdline, start);
  const equals = cmdline.indexOf('=', start);
  if (equals === -1 || equals >= plainEnd) return plainEnd;
  const opening = cmdline[equals + 1];
  // What never closes protects nothing: one stray bracket must not swallow the parameters after it.
  if (opening === '"' || opening === "'") {
    const closing = closingQuote(cmdline, equals + 1);
    return closing === undefined ? plainEnd : nextSpace(cmdline, closing);
  }
  if (opening !== '[' && opening !== '{') return plainEnd;
  const closing = closingBracket(cmdline, equals + 1);
  return closing === undefined ? plainEnd : nextSpace(cmdline, closing);
}

/** The quote that ends what the one at `start` begins: it stands before a space or at the end. */
function closingQuote(text: string, start: number): number | undefined {
  const closing = text[start] === '"' ? /"(?=\s|$)/g : /'(?=\s|$)/g;
  closing.lastIndex = start + 1;
  return closing.exec(text)?.index;
}

function closingBracket(text: string, start: number): number | undefined {
  let depth = 0;
  let quote: string | undefined;
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? '';
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
    } else if ((character === '"' || character === "'") && /[[{,:\s]/.test(text[at - 1] ?? '')) quote = character;
    else if (character === '[' || character === '{') depth++;
    else if ((character === ']' || character === '}') && --depth === 0) return at;
  }
  return undefined;
}

function nextSpace(text: string, start: number): number {
  const space = /\s/g;
  space.lastIndex = start;
  return space.exec(text)?.index ?? text.length;
}
