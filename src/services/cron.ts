/**
 * What `cron.schedule` may say: the expressions of RancherOS's container-crontab (robfig/cron v2), read whole, so that a
 * mistake is told when the service file is read and not at three in the morning. Pure.
 */
import { causeOf, RosError } from '../lib/errors.ts';

/** When to run: by the calendar, in the machine's time zone, or again and again after a fixed time. */
export type Schedule = { readonly kind: 'calendar'; readonly calendar: Calendar } | { readonly kind: 'every'; readonly everyMs: number };

/** The numbers at which each field is due, ascending. Weekdays count from Sunday, which is 0. */
export interface Calendar {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  readonly weekdays: readonly number[];
  /** Both days and weekdays are given (neither is `*`): a day that is one of either will do. */
  readonly isEitherDay: boolean;
}

interface FieldRules {
  readonly what: string;
  readonly least: number;
  readonly most: number;
  /** Where `*` and `a/step` end, when that is not `most`: both 0 and 7 are Sunday. */
  readonly end?: number;
  readonly names?: readonly string[];
}

const fields: readonly FieldRules[] = [
  { what: 'second', least: 0, most: 59 },
  { what: 'minute', least: 0, most: 59 },
  { what: 'hour', least: 0, most: 23 },
  { what: 'day of the month', least: 1, most: 31 },
  { what: 'month', least: 1, most: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { what: 'day of the week', least: 0, most: 7, end: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

const nicknames: Readonly<Record<string, string | undefined>> = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
};

const daysOfMonths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads `cron.schedule`: 5 fields (minute, hour, day, month, weekday), 6 with seconds in front, `@daily` and the like, or
 * `@every 1h30m`. Throws `cannot use schedule "…": …`.
 */
export function parseSchedule(text: string): Schedule {
  try {
    const words = text.trim();
    if (words.startsWith('@every')) return { kind: 'every', everyMs: parseEvery(words) };
    const expression = words.startsWith('@') ? nicknames[words.toLowerCase()] : words;
    if (expression === undefined) throw new Error(`there is no "${words}"; there are ${Object.keys(nicknames).join(', ')} and "@every 1h30m"`);
    return { kind: 'calendar', calendar: parseCalendar(expression) };
  } catch (error) {
    throw new RosError('ERR_ROS_SCHEDULE', `cannot use schedule "${text}": ${causeOf(error)}`, { cause: error });
  }
}

/**
 * The calendar in node-cron's words, every number written out. node-cron takes days and weekdays both to be met, so
 * either-or is two expressions; the second leaves out the days of the first, and no moment is due twice.
 */
export function cronExpressions(calendar: Calendar): string[] {
  const { seconds, minutes, hours, days, months, weekdays, isEitherDay } = calendar;
  const write = (dayNumbers: readonly number[], weekdayNumbers: readonly number[]): string =>
    [written(seconds, 60), written(minutes, 60), written(hours, 24), written(dayNumbers, 31), written(months, 12), written(weekdayNumbers, 7)].join(' ');
  if (!isEitherDay) return [write(days, weekdays)];
  const otherDays = numbers(1, 31).filter((day) => !days.includes(day));
  return [...(isPossible(days, months) ? [write(days, numbers(0, 6))] : []), ...(otherDays.length === 0 ? [] : [write(otherDays, weekdays)])];
}

/** The latest due time that is not after `now`; undefined when there is none in the eight years before. */
export function previousDue(schedule: Schedule, now: Date): Date | undefined {
  if (schedule.kind === 'every') return new Date(now.getTime() - schedule.everyMs);
  const { calendar } = schedule;
  for (let back = 0; back <= 8 * 366; back += 1) {
    const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - back);
    const due = isDueOn(calendar, day) ? lastTimeOn(calendar, day, now) : undefined;
    if (due !== undefined) return due;
  }
  return undefined;
}

function isDueOn({ days, months, weekdays, isEitherDay }: Calendar, date: Date): boolean {
  const isDay = days.includes(date.getDate());
  const isWeekday = weekdays.includes(date.getDay());
  return months.includes(date.getMonth() + 1) && (isEitherDay ? isDay || isWeekday : isDay && isWeekday);
}

function lastTimeOn({ seconds, minutes, hours }: Calendar, day: Date, now: Date): Date | undefined {
  for (const hour of hours.toReversed()) {
    for (const minute of minutes.toReversed()) {
      const at = (second: number): Date => new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute, second);
      if (at(0) > now || at(0).getHours() !== hour) continue; // not come yet, or an hour that summer time leaves out
      const second = seconds.findLast((candidate) => at(candidate) <= now);
      if (second !== undefined) return at(second);
    }
  }
  return undefined;
}

function parseEvery(words: string): number {
  const [, duration = ''] = /^@every\s+(.*)$/.exec(words) ?? [];
  if (!/^(?:\d+(?:\.\d+)?(?:h|m|s|ms))+$/.test(duration)) throw new Error('"@every" needs a duration such as 1h30m, 10m or 45s');
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const everyMs = [...duration.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)].reduce((sum, [, count, unit = 's']) => sum + Number(count) * (units[unit] ?? 0), 0);
  if (everyMs < 1000) throw new Error('it must be a second at least');
  if (everyMs > 366 * 86_400_000) throw new Error('it must be a year at most');
  return Math.floor(everyMs / 1000) * 1000;
}

function parseCalendar(expression: string): Calendar {
  if (/^(?:CRON_)?TZ=/.test(expression)) throw new Error('it cannot have a time zone of its own');
  const words = expression.split(/\s+/);
  if (words.length !== 5 && words.length !== 6) {
    throw new Error(`it must have 5 fields (minute, hour, day, month, day of the week), 6 with seconds in front, or be "@daily" or "@every 1h30m"; it has ${words[0] === '' ? 'none' : words.length}`);
  }
  const read = (words.length === 5 ? ['0', ...words] : words).map((word, index) => parseField(word, fields[index] as FieldRules));
  const [seconds, minutes, hours, days, months, weekdays] = read.map((field) => field.numbers) as [number[], number[], number[], number[], number[], number[]];
  const isEitherDay = read[3]?.isAny === false && read[5]?.isAny === false;
  if (!isEitherDay && !isPossible(days, months)) throw new Error('there is no such day in any of its months');
  return { seconds, minutes, hours, days, months, weekdays: [...new Set(weekdays.map((day) => day % 7))].sort((a, b) => a - b), isEitherDay };
}

/** A list of `*`, `?`, `a`, `a-b`, each perhaps with `/step`; `a/step` goes on to the end. */
function parseField(word: string, rules: FieldRules): { readonly numbers: readonly number[]; readonly isAny: boolean } {
  const { what, least, end = rules.most } = rules;
  const parts = word.split(',').map((part) => {
    const [, any, from, to, step] = /^(?:([*?])|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:\/(\d{1,3}))?$/i.exec(part) ?? [];
    if (any === undefined && from === undefined) throw new Error(`"${part}" is no ${what}`);
    const first = from === undefined ? least : parseNumber(from, rules);
    const last = to !== undefined ? parseNumber(to, rules) : any === undefined && step === undefined ? first : Math.max(first, end);
    if (last < first) throw new Error(`${what}: "${part}" ends before it begins`);
    if (Number(step) === 0) throw new Error(`${what}: the step of "${part}" is 0`);
    return { isAny: any !== undefined, numbers: numbers(first, last).filter((number) => (number - first) % Number(step ?? 1) === 0) };
  });
  return { numbers: [...new Set(parts.flatMap((part) => part.numbers))].sort((a, b) => a - b), isAny: parts.some(({ isAny }) => isAny) };
}

function parseNumber(word: string, { what, least, most, names = [] }: FieldRules): number {
  const index = names.indexOf(word.toLowerCase());
  const number = index >= 0 ? index + least : /^\d+$/.test(word) ? Number(word) : Number.NaN;
  if (Number.isNaN(number)) throw new Error(`"${word}" is no ${what}`);
  if (number < least || number > most) throw new Error(`${what}: ${word} is not between ${least} and ${most}`);
  return number;
}

function isPossible(days: readonly number[], months: readonly number[]): boolean {
  return months.some((month) => days.some((day) => day <= (daysOfMonths[month - 1] ?? 0)));
}

function written(values: readonly number[], all: number): string { return values.length === all ? '*' : values.join(','); }

function numbers(first: number, last: number): number[] { return Array.from({ length: last - first + 1 }, (_, index) => first + index); }
