/** `ros service why`: how a service is and how that came about, in words. */
import type { ServiceExit, ServiceState, ServiceStory } from '../api/types.ts';
import { inWords, logText, oneLine, timeOf } from './format.ts';

export function tellStory(story: ServiceStory, now: Date): string {
  const { status, exits, lastLines } = story;
  const parts = [
    [sentences(story, now).join(' ')],
    section('How it ended before:', exits.map((exit) => endOf(exit, now))),
    section('The last lines of its log:', lastLines.map(({ line }) => logText(line))),
    toDo[status.state].map((verb) => `hint: ros service ${verb} ${oneLine(status.name)}`),
  ];
  return parts.filter((lines) => lines.length > 0).map((lines) => lines.map((line) => `${line}\n`).join('')).join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

/** What somebody who asks would want to do next. */
const toDo: Readonly<Record<ServiceState, readonly string[]>> = {
  stopped: ['start'], waiting: [], starting: [], running: [], healthy: [], stopping: [],
  unhealthy: ['logs'], backoff: ['logs'], parked: ['logs', 'start'], failed: ['logs', 'start'],
};

function sentences(story: ServiceStory, now: Date): readonly string[] {
  const { status: { enabled, restarts, schedule }, waitsFor } = story;
  return [
    `${stateOf(story)}.`,
    ...(waitsFor.length === 0 ? [] : [`It waits for ${waitsFor.map(oneLine).join(', ')}.`]),
    ...(restarts === 0 ? [] : [`It was restarted ${times(restarts)} in this boot.`]),
    ...(schedule?.nextRunAt === undefined ? [] : [`Its schedule (${oneLine(schedule.schedule)}) says ${schedule.action} at ${timeOf(schedule.nextRunAt, now)}.`]),
    ...(enabled ? [] : ['It is disabled.']),
  ];
}

function stateOf({ status, inStateMs, failuresInARow, nextTryMs }: ServiceStory): string {
  const name = oneLine(status.name);
  const time = inWords(inStateMs);
  const failures = `it has failed ${times(failuresInARow)}${failuresInARow > 1 ? ' in a row' : ''}`;
  const detail = status.detail === '' ? '' : `: ${oneLine(status.detail)}`;
  switch (status.state) {
    case 'backoff': return `${name} is in backoff for ${time}: ${failures}${nextTryMs === undefined ? '' : `; next try in ${inWords(nextTryMs)}`}`;
    case 'parked': return `${name} is parked for ${time}: ${failures} and is not tried again until somebody starts it`;
    case 'failed': return `${name} failed ${time} ago${detail}`;
    // Its detail is what it waits for, and that is a sentence of its own.
    case 'waiting': return `${name} is waiting for ${time}`;
    default: return `${name} is ${status.state} for ${time}${detail}`;
  }
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** `12:03:11 exited with code 1 after 0.3 s` */
function endOf({ at, reason, ranMs }: ServiceExit, now: Date): string {
  return `${timeOf(at, now)} ${oneLine(reason)}${ranMs === undefined ? '' : ` after ${inWords(ranMs)}`}`;
}
