/** A zone of the time zone database as the file that C libraries read (TZif, RFC 8536), made from what Node knows of it. */

/** Older times of a machine's own are few, and each year costs an emulated processor a tenth of a second. */
const firstYear = 2020;
const lastYear = 2037;
const dayMs = 86_400_000;
/** Offsets stay the same for weeks at least; some zones make a pause of a month. */
const strideMs = 14 * dayMs;
/** Clocks are changed at a full hour, a half or a quarter. */
const quarterMs = 900_000;

/** Whether Node knows a zone of that name; offsets such as `+02:00`, which it takes as well, are none. */
export function isZone(name: string): boolean {
  if (name === 'UTC') return true; // most machines', and asking for it would make Node unpack what it knows of all others
  if (!/^[A-Za-z]/.test(name)) return false;
  try { new Intl.DateTimeFormat('en', { timeZone: name }); return true; } catch { return false; }
}

interface Kind { readonly offsetS: number; readonly isDst: boolean; readonly name: string }
interface Change { readonly atS: number; readonly kind: Kind }

/** The file's bytes. `zone` must be one. Lets others have their turn now and then: it is some milliseconds of work. */
export async function zoneFile(zone: string): Promise<Buffer> {
  const changes = zone === 'UTC' ? [] : await changesOf(zone);
  const first: Kind = zone === 'UTC' ? { offsetS: 0, isDst: false, name: 'UTC' } : kindAt(zone)(Date.UTC(firstYear, 0, 1));
  const last = changes.at(-1)?.kind ?? first;
  // The first block, of 32 bit, is for readers of the last century: empty, with the one kind that it must have.
  return Buffer.concat([block([], first, 4), block(changes, first, 8), Buffer.from(`\n${footer(changes, last)}\n`)]);
}

async function changesOf(zone: string): Promise<Change[]> {
  const kind = kindAt(zone);
  const changes: Change[] = [];
  const end = Date.UTC(lastYear, 11, 31);
  let at = Date.UTC(firstYear, 0, 1);
  let before = kind(at);
  for (let turn = 1; at < end; at += strideMs, turn += 1) {
    const next = kind(at + strideMs);
    if (!isSame(before, next)) changes.push({ atS: changeBetween(kind, at, at + strideMs) / 1000, kind: next });
    before = next;
    if (turn % 50 === 0) await new Promise((resolve) => { setImmediate(resolve); });
  }
  return changes;
}

/** Where it changes between two moments. */
function changeBetween(kind: (atMs: number) => Kind, fromMs: number, toMs: number): number {
  const old = kind(fromMs);
  let [low, high] = [fromMs / quarterMs, toMs / quarterMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isSame(kind(middle * quarterMs), old)) low = middle; else high = middle;
  }
  return high * quarterMs;
}

function isSame(a: Kind, b: Kind): boolean { return a.offsetS === b.offsetS && a.name === b.name && a.isDst === b.isDst; }

function kindAt(zone: string): (atMs: number) => Kind {
  const numbers = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
  const offset = (atMs: number): number => {
    const parts = Object.fromEntries(numbers.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    return Math.round((Date.UTC(parts['year'] ?? 0, (parts['month'] ?? 1) - 1, parts['day'], parts['hour'], parts['minute'], parts['second']) - Math.floor(atMs / 1000) * 1000) / 1000);
  };
  const standard = new Map<number, number>();
  const standardOf = (year: number): number => {
    const known = standard.get(year);
    if (known !== undefined) return known;
    const value = Math.min(offset(Date.UTC(year, 0, 1)), offset(Date.UTC(year, 6, 1)));
    standard.set(year, value);
    return value;
  };
  const names = zoneNames(zone);
  return (atMs) => {
    const offsetS = offset(atMs);
    const isDst = offsetS > standardOf(new Date(atMs).getUTCFullYear());
    return { offsetS, isDst, name: names(atMs, offsetS, isDst) };
  };
}

/** What the zone's own people call it where that is known (`CET`), else its offset (`+0530`). */
function zoneNames(zone: string): (atMs: number, offsetS: number, isDst: boolean) => string {
  const formats = ['en-US', 'en-GB', 'en-AU', 'en-IN', 'en-ZA'].map((locale) => new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' }));
  const known = new Map<string, string>();
  return (atMs, offsetS, isDst) => {
    const key = `${offsetS} ${isDst}`;
    const found = known.get(key) ?? formats.map((format) => format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value ?? '').find((text) => /^[A-Z]{3,6}$/.test(text)) ?? offsetName(offsetS);
    known.set(key, found);
    return found;
  };
}

function offsetName(offsetS: number): string {
  const minutes = Math.round(Math.abs(offsetS) / 60);
  const [hours, rest] = [String(Math.floor(minutes / 60)).padStart(2, '0'), minutes % 60];
  return `${offsetS < 0 ? '-' : '+'}${hours}${rest === 0 ? '' : String(rest).padStart(2, '0')}`;
}

/** Header and data; times of `bytes` bytes. */
function block(changes: readonly Change[], first: Kind, bytes: 4 | 8): Buffer {
  const kinds = [first, ...changes.map(({ kind }) => kind)].filter((kind, index, all) => all.findIndex((other) => isSame(kind, other)) === index);
  const indexOf = (kind: Kind): number => kinds.findIndex((other) => isSame(kind, other));
  const names = [...new Set(kinds.map(({ name }) => name))];
  const nameAt = (name: string): number => names.slice(0, names.indexOf(name)).reduce((at, other) => at + other.length + 1, 0);
  const text = Buffer.from(names.map((name) => `${name}\0`).join(''));
  const head = Buffer.alloc(44);
  head.write('TZif2');
  [0, 0, 0, changes.length, kinds.length, text.length].forEach((count, index) => { head.writeUInt32BE(count, 20 + 4 * index); });
  const times = Buffer.alloc(changes.length * bytes);
  changes.forEach(({ atS }, index) => { if (bytes === 8) times.writeBigInt64BE(BigInt(atS), 8 * index); else times.writeInt32BE(atS, 4 * index); });
  const records = Buffer.alloc(kinds.length * 6);
  kinds.forEach(({ offsetS, isDst, name }, index) => {
    records.writeInt32BE(offsetS, 6 * index);
    records[6 * index + 4] = isDst ? 1 : 0;
    records[6 * index + 5] = nameAt(name);
  });
  return Buffer.concat([head, times, Buffer.from(changes.map(({ kind }) => indexOf(kind))), records, text]);
}

/** What holds behind the last change: nothing to say where the clocks still change, for the file goes far enough. */
function footer(changes: readonly Change[], last: Kind): string {
  const stillChanges = (changes.at(-1)?.atS ?? 0) > Date.UTC(lastYear - 1, 0, 1) / 1000;
  if (stillChanges) return '';
  const sign = last.offsetS > 0 ? '-' : '';
  const total = Math.abs(last.offsetS);
  const time = [Math.floor(total / 3600), Math.floor((total % 3600) / 60)];
  return `<${last.name}>${sign}${time[0]}${time[1] === 0 ? '' : `:${String(time[1]).padStart(2, '0')}`}`;
}
