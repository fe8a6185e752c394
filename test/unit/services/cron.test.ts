import fc from 'fast-check';
import { createTask } from 'node-cron';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cronExpressions, parseSchedule, previousDue } from '../../../src/services/cron.ts';

// How an hour counts that comes twice or not at all is not worth agreeing on.
process.env['TZ'] = 'UTC';

/** In node-cron's words. */
function expressions(text: string): string[] {
  const schedule = parseSchedule(text);
  if (schedule.kind !== 'calendar') throw new Error('not a calendar');
  return cronExpressions(schedule.calendar);
}

afterEach(() => { vi.useRealTimers(); });

describe('cron.schedule', () => {
  it.each([
    ['0 3 * * *', '0 0 3 * * *'],
    ['0 0 3 * * ?', '0 0 3 * * *'],
    ['? 0 3 ? * ?', '* 0 3 * * *'],
    [' 5   4  * *  * ', '0 5 4 * * *'],
    ['*/15 * * * *', '0 0,15,30,45 * * * *'],
    ['5/20 * * * *', '0 5,25,45 * * * *'],
    ['10-20/5,50 * * * *', '0 10,15,20,50 * * * *'],
    ['0 0 1 jan-mar,DEC *', '0 0 0 1 1,2,3,12 *'],
    ['0 0 * * mon-Fri', '0 0 0 * * 1,2,3,4,5'],
    ['0 0 * * 7', '0 0 0 * * 0'],
    ['0 0 * * 5-7', '0 0 0 * * 0,5,6'],
    ['0 0 * * */2', '0 0 0 * * 0,2,4,6'],
    ['@hourly', '0 0 * * * *'], ['@daily', '0 0 0 * * *'], ['@midnight', '0 0 0 * * *'], ['@weekly', '0 0 0 * * 0'],
    ['@monthly', '0 0 0 1 * *'], ['@yearly', '0 0 0 1 1 *'], ['@Annually', '0 0 0 1 1 *'],
  ])('"%s" is "%s" for node-cron', (text, expected) => {
    expect(expressions(text)).toEqual([expected]);
    expect(() => createTask(expected, () => undefined).destroy()).not.toThrow();
  });

  it('is due on either when a day of the month and one of the week are given, as in every cron but node-cron', () => {
    expect(expressions('0 0 3 1-29 * mon')).toEqual([`0 0 3 ${Array.from({ length: 29 }, (_, day) => day + 1).join()} * *`, '0 0 3 30,31 * 1']);
    expect(expressions('0 0 3 1-31 * mon')).toEqual(['0 0 3 * * *']);
    expect(expressions('0 3 31 4 sun')).toEqual([`0 0 3 ${Array.from({ length: 30 }, (_, day) => day + 1).join()} 4 0`]);
    expect(expressions('0 0 3 */2 * mon')).toHaveLength(1);
  });

  it.each([['@every 1h30m', 5_400_000], ['@every 45s', 45_000], ['@every 1.5h', 5_400_000], ['@every 1m500ms', 60_000]])('"%s" is every %d ms', (text, everyMs) => {
    expect(parseSchedule(text)).toEqual({ kind: 'every', everyMs });
  });

  it.each([
    ['', 'it must have 5 fields (minute, hour, day, month, day of the week), 6 with seconds in front, or be "@daily" or "@every 1h30m"; it has none'],
    ['* * *', 'it must have 5 fields (minute, hour, day, month, day of the week), 6 with seconds in front, or be "@daily" or "@every 1h30m"; it has 3'],
    ['60 * * * *', 'minute: 60 is not between 0 and 59'],
    ['0 0 0 0 * *', 'day of the month: 0 is not between 1 and 31'],
    ['0 0 * * 8', 'day of the week: 8 is not between 0 and 7'],
    ['0 0 * foo *', '"foo" is no month'],
    ['0 0 mon * *', '"mon" is no day of the month'],
    ['0 -1 * * *', '"-1" is no hour'],
    ['1,,2 * * * *', '"" is no minute'],
    ['20-10 * * * *', 'minute: "20-10" ends before it begins'],
    ['*/0 * * * *', 'minute: the step of "*/0" is 0'],
    ['0 0 L * *', '"L" is no day of the month'],
    ['0 0 31 2,4 *', 'there is no such day in any of its months'],
    ['@reboot', 'there is no "@reboot"; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and "@every 1h30m"'],
    ['@every', '"@every" needs a duration such as 1h30m, 10m or 45s'],
    ['@every day', '"@every" needs a duration such as 1h30m, 10m or 45s'],
    ['@every 10ms', 'it must be a second at least'],
    ['@every 9000h', 'it must be a year at most'],
    ['TZ=Asia/Tokyo 0 3 * * *', 'it cannot have a time zone of its own'],
  ])('"%s" is refused in words', (text, why) => {
    expect(() => parseSchedule(text)).toThrow(`cannot use schedule "${text}": ${why}`);
  });
});

describe('the previous due time', () => {
  it.each<[string, Date, Date]>([
    ['0 3 * * *', new Date(2026, 0, 5, 2, 59, 59), new Date(2026, 0, 4, 3)],
    ['0 3 * * *', new Date(2026, 0, 5, 3), new Date(2026, 0, 5, 3)],
    ['*/15 * * * *', new Date(2026, 0, 5, 12, 14, 59), new Date(2026, 0, 5, 12)],
    ['59 59 23 * * *', new Date(2026, 0, 1, 0, 0, 0), new Date(2025, 11, 31, 23, 59, 59)],
    ['0 0 29 2 *', new Date(2028, 1, 28), new Date(2024, 1, 29)],
    ['0 0 1 * mon', new Date(2026, 0, 5, 12), new Date(2026, 0, 5)],
    ['0 0 1 * mon', new Date(2026, 0, 3, 12), new Date(2026, 0, 1)],
    ['@every 1h', new Date(2026, 0, 5, 12), new Date(2026, 0, 5, 11)],
  ])('of "%s"', (text, now, expected) => {
    expect(previousDue(parseSchedule(text), now)).toEqual(expected);
  });

  it('is one that node-cron knows, with no other between it and now', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const field = (least: number, most: number): fc.Arbitrary<string> => fc.oneof(fc.constant('*'), fc.integer({ min: least, max: most }).map(String), fc.uniqueArray(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 3 }).map((all) => all.join()));
    const expression = fc.tuple(field(0, 59), field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map((fields) => fields.join(' '));
    fc.assert(fc.property(expression, fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2035, 0, 1) }), (text, nowMs) => {
      const due = previousDue(parseSchedule(text), new Date(nowMs));
      expect(due?.getTime()).toBeLessThanOrEqual(nowMs);
      const tasks = expressions(text).map((words) => createTask(words, () => undefined));
      expect(tasks.filter((task) => task.match(due ?? new Date(0)))).toHaveLength(1);
      vi.setSystemTime(due ?? 0);
      expect(Math.min(...tasks.map((task) => task.getNextRuns(1)[0]?.getTime() ?? 0))).toBeGreaterThan(nowMs);
      for (const task of tasks) void task.destroy();
    }));
  });
});
