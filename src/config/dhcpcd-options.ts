/**
 * `dhcp_args` of RancherOS is a command line for dhcpcd. Here one dhcpcd serves all interfaces, so what concerns one
 * interface becomes lines of its settings, and what concerns dhcpcd itself is left out. Pure.
 */

export interface DhcpcdOptions {
  /** For the interface's block in dhcpcd.conf. */
  readonly lines: readonly string[];
  /** Names of options that are not taken. */
  readonly refused: readonly string[];
}

/** How an option is written in short, and whether it has a value. */
interface Known { readonly short?: string; readonly value?: true }

const taken: Readonly<Record<string, Known>> = {
  ipv4only: { short: '4' }, ipv6only: { short: '6' }, noarp: { short: 'A' }, noipv4ll: { short: 'L' }, nogateway: { short: 'G' },
  broadcast: { short: 'J' }, nolink: { short: 'K' }, lastlease: { short: 'E' }, xidhwaddr: { short: 'H' },
  clientid: { short: 'I', value: true }, duid: { short: 'D' }, hostname: { short: 'h', value: true }, fqdn: { short: 'F', value: true },
  vendorclassid: { short: 'i', value: true }, leasetime: { short: 'l', value: true }, metric: { short: 'm', value: true },
  option: { short: 'o', value: true }, nooption: { short: 'O', value: true }, require: { short: 'Q', value: true },
  request: { short: 'r', value: true }, inform: { short: 's', value: true }, static: { short: 'S', value: true },
  userclass: { short: 'u', value: true }, vendor: { short: 'v', value: true }, reboot: { short: 'y', value: true },
  blacklist: { short: 'X', value: true }, whitelist: { short: 'W', value: true }, iaid: { value: true }, reject: { value: true },
  noipv6: {}, noipv6rs: {}, nodhcp6: {}, anonymous: {}, lastleaseextend: {}, bootp: {}, noalias: {},
};

/** Said by everybody, or by default, and true here anyway: no word about them. */
const silent: Readonly<Record<string, Known>> = {
  manager: { short: 'M' }, debug: { short: 'd' }, waitip: { short: 'w' }, background: { short: 'b' }, nobackground: { short: 'B' },
  persistent: { short: 'p' }, quiet: { short: 'q' }, timeout: { short: 't', value: true }, rebind: { short: 'n' },
  env: { short: 'e', value: true }, nohook: { short: 'C', value: true }, oneshot: { short: '1' },
};

const known = { ...taken, ...silent };
const byShort: Readonly<Record<string, string>> = Object.fromEntries(Object.entries(known).flatMap(([name, { short }]) => (short === undefined ? [] : [[short, name]])));

/** A line of dhcpcd.conf has its own quotes, escapes and comments: values are those that need none. */
const plainValue = /^[A-Za-z0-9.,:@%+=/_ -]*$/;
const maxLength = 4096;

export function dhcpcdOptions(text: string): DhcpcdOptions {
  if (text.length > maxLength) return { lines: [], refused: [`what is longer than ${maxLength} characters`] };
  const words = split(text);
  const lines: string[] = [];
  const refused = new Set<string>();
  const take = (name: string, value: string | undefined): void => {
    if (Object.hasOwn(silent, name)) return;
    if (!Object.hasOwn(taken, name) || !plainValue.test(value ?? '')) { refused.add(`--${name}`); return; }
    lines.push(value === undefined ? name : `${name} ${value}`);
  };
  // RancherOS ran these words as they are: the first was the program.
  if (/(^|\/)dhcpcd$/.test(words[0] ?? '')) words.shift();
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const long = /^--([a-z0-9_]+)(?:=([^]*))?$/.exec(word);
    if (long !== null) {
      const [, name = '', given] = long;
      take(name, given ?? (hasValue(name) ? words.shift() : undefined));
    } else if (/^-[A-Za-z0-9]/.test(word)) {
      takeShort(word.slice(1), words, take);
    } else {
      refused.add('a word that is no option');
    }
  }
  return { lines, refused: [...refused] };
}

/** `-MA4`, `-m200`, `-h name`. */
function takeShort(letters: string, words: string[], take: (name: string, value: string | undefined) => void): void {
  for (let index = 0; index < letters.length; index += 1) {
    const name = byShort[letters.charAt(index)] ?? letters.charAt(index);
    if (!hasValue(name)) { take(name, undefined); continue; }
    const rest = letters.slice(index + 1);
    take(name, rest === '' ? words.shift() : rest);
    return;
  }
}

function hasValue(name: string): boolean { return Object.hasOwn(known, name) && known[name as keyof typeof known]?.value === true; }

/** Words as a shell splits them, with quotes and backslashes and nothing else. */
function split(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"'\\]|\\[^]|"(?:[^"\\]|\\[^])*"|'[^']*')+/g)]
    .map(([word]) => word.replaceAll(/\\([^])|"((?:[^"\\]|\\[^])*)"|'([^']*)'/g, (_all, escaped: string | undefined, double: string | undefined, single: string | undefined) =>
      escaped ?? double?.replaceAll(/\\([^])/g, '$1') ?? single ?? ''));
}
