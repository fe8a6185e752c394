/** Tells whom the kernel has killed for want of memory, and whose memory it was: control groups say that it happened, the kernel's log whom. */
import { watch } from 'node:fs';
import { causeOf } from '../lib/errors.ts';
import { KernelLog, type KernelRecord } from '../sys/kernel-log.ts';
import { paths, type Machine } from './machine.ts';

export interface Victim {
  readonly name: string;
  readonly pid: number;
  /** Its control group. */
  readonly group: string;
  /** The control group whose limit was reached; undefined when the whole machine's memory was used up. */
  readonly limit?: string;
  /** MiB of memory of its own. */
  readonly mib?: number;
}

/** Pure. The first of a victim's two lines names groups, the second what it had. */
export function victimsIn(records: readonly KernelRecord[]): Victim[] {
  const victims: Victim[] = [];
  for (const { text } of records) {
    const [, limit, group, name, pid] = /^oom-kill:.*?(?:,oom_memcg=(.*?)|,global_oom),task_memcg=(.*),task=(.*),pid=(\d+),uid=\d+$/.exec(text) ?? [];
    if (group !== undefined && name !== undefined) { victims.push({ name, pid: Number(pid), group, ...(limit !== undefined && { limit }) }); continue; }
    const [, killed, kilobytes] = /Killed process (\d+) .*anon-rss:(\d+)kB/.exec(text) ?? [];
    const last = victims.at(-1);
    if (last !== undefined && killed === String(last.pid)) victims[victims.length - 1] = { ...last, mib: Math.round(Number(kilobytes) / 1024) };
  }
  return victims;
}

/** The container that a control group belongs to, by id. Pure. */
export function containerOf(group: string): string | undefined { return /\/([0-9a-f]{64})(?:\/|$)/.exec(group)?.[1]; }

/** Pure. `container` is its name, where it is known. */
export function describeVictim({ name, pid, group, limit, mib }: Victim, container?: string): string {
  const whose = group.startsWith('/user') ? 'user-docker' : 'system';
  const id = containerOf(group);
  const of = container ?? id?.slice(0, 12);
  const why = limit === undefined ? 'the memory of the machine was used up'
    : containerOf(limit) === undefined ? 'what user containers may have of the memory was used up' : 'the limit of its container was reached';
  // A process calls itself what it likes.
  return `${whose}: out of memory: killed "${name.replaceAll(/[^\x20-\x7e]/g, '?')}" (pid ${pid}${mib === undefined ? '' : `, ${mib} MiB`})${of === undefined ? '' : ` of container ${of}`}: ${why}`;
}

/** Killings come in swarms: they are told together, and not all of them. */
const laterMs = 1000;
const toldAtOnce = 5;
const inspectMs = 5000;
/** The kernel's clock and ours differ by little. */
const marginMs = 1000;

const watching = new WeakSet<Machine>();

/** Costs nothing until it happens. Never throws. */
export function watchOutOfMemory(machine: Machine): void {
  if (watching.has(machine)) return;
  watching.add(machine);
  const { clock, log } = machine;
  const kernelLog = new KernelLog();
  // What an earlier supervisor has told is not told again.
  let sinceMs = clock.uptimeMs() - marginMs;
  let isPlanned = false;
  const tell = async (): Promise<void> => {
    const records = await kernelLog.look();
    const victims = victimsIn(records.filter(({ atMs }) => atMs >= sinceMs));
    sinceMs = 0; // from now on only what is new is read
    for (const victim of victims.slice(0, toldAtOnce)) log.warn(describeVictim(victim, await nameOf(machine, victim)));
    if (victims.length > toldAtOnce) log.warn(`user-docker: out of memory: killed ${victims.length - toldAtOnce} more in the same moment; the kernel's log names them (dmesg)`);
  };
  const soon = (): void => {
    if (isPlanned) return;
    isPlanned = true;
    clock.after(laterMs, () => { isPlanned = false; tell().catch((error: unknown) => { log.warn(`out of memory: ${causeOf(error)}`); }); });
  };
  for (const group of [paths.userCgroup, paths.systemCgroup]) {
    try {
      watch(`${group}/memory.events`, { persistent: false }, soon).on('error', (error) => { log.warn(`out of memory: ${causeOf(error)}`); });
    } catch (error) {
      log.warn(`out of memory: cannot watch "${group}": ${causeOf(error)}`);
    }
  }
}

async function nameOf({ systemEngine, userEngine }: Machine, { group }: Victim): Promise<string | undefined> {
  const id = containerOf(group);
  if (id === undefined) return undefined;
  const engine = group.startsWith('/user/plane') ? userEngine : systemEngine;
  const found = engine.inspect(id).catch(() => undefined);
  const name = (await Promise.race([found, new Promise<undefined>((resolve) => { setTimeout(() => { resolve(undefined); }, inspectMs).unref(); })]))?.name;
  return name === undefined ? undefined : name.replace(/^\//, '');
}
