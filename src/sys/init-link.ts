/**
 * The line to PID 1: a socket on fd 3 that carries text lines both ways (ARCHITECTURE.md, "Shim ↔ supervisor").
 * The heartbeat runs on this process's event loop on purpose: when the loop hangs, PID 1 hears nothing and replaces us.
 */
import { Socket } from 'node:net';
import type { PowerAction } from '../api/types.ts';

export type InitEvent = 'ctrl-alt-del' | 'term' | 'power' | 'poweroff' | 'halt';

export interface InitLink {
  onEvent(handler: (event: InitEvent) => void): void;
  /** Tells PID 1 that a shutdown has begun; it ends the machine itself if it is not told to within `seconds`. */
  ending(action: PowerAction, seconds: number): void;
  /** Ends the machine now. */
  end(action: PowerAction): void;
}

const heartbeatMs = 2000;

export function connectInit(fd: number): InitLink {
  const socket = new Socket({ fd, readable: true, writable: true });
  let handler: (event: InitEvent) => void = () => undefined;
  let rest = '';
  socket.on('error', () => undefined); // without PID 1 there is nobody to tell
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('event ')) handler(line.slice('event '.length) as InitEvent);
  });
  const send = (line: string): void => { socket.write(`${line}\n`); };
  send('alive');
  setInterval(() => { send('alive'); }, heartbeatMs).unref();
  return {
    onEvent(newHandler) { handler = newHandler; },
    ending(action, seconds) { send(`ending ${action} ${seconds}`); },
    end(action) { send(`end ${action}`); },
  };
}
