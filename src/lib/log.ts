/**
 * The supervisor's log: pino in front, sinks behind. No pino transports: they are worker threads that load files by
 * path, which a single executable cannot do (lines are lost silently). Sinks never block the event loop.
 */
import { pino, type Logger } from 'pino';
import type { LogRecord } from '../api/types.ts';
import type { Clock } from './clock.ts';
import { Ring } from './ring.ts';

export type Log = Logger;
export interface LogSink { write(record: LogRecord): void }

const ringCapacity = 2000;

export interface LogBook {
  readonly log: Log;
  readonly ring: Ring<LogRecord>;
  /** Adds a sink; it first gets everything the ring holds, so that a file that comes late is whole. */
  addSink(sink: LogSink): void;
}

export function createLogBook(clock: Clock, level: string): LogBook {
  const ring = new Ring<LogRecord>(ringCapacity);
  const sinks: LogSink[] = [];
  const stream = {
    write(line: string): void {
      const record = JSON.parse(line) as LogRecord;
      ring.push(record);
      for (const sink of sinks) sink.write(record);
    },
  };
  const log = pino({ base: null, level, timestamp: () => `,"uptimeMs":${clock.uptimeMs()},"time":"${clock.now().toISOString()}"` }, stream);
  return {
    log,
    ring,
    addSink(sink) {
      for (const record of ring.tail()) sink.write(record);
      sinks.push(sink);
    },
  };
}

/** One record as a line for people and for files: `[   12.345] warn  message`. */
export function formatRecord(record: LogRecord): string {
  return `[${(record.uptimeMs / 1000).toFixed(3).padStart(9)}] ${levelWord(record.level)} ${record.msg}`;
}

function levelWord(level: number): string {
  if (level >= 50) return 'error';
  if (level >= 40) return 'warn ';
  return level >= 30 ? 'info ' : 'debug';
}
