/** Who listens where, in the network namespace of a process, from the kernel's tables. */
import { opendir, readlink } from 'node:fs/promises';
import { readTextFile } from './files.ts';

const tableLimit = 16 * 1024 * 1024;
const tcpListen = '0A';
const udpUnconnected = '07';

export interface Listener {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Of the socket. */
  readonly inode: number;
}

/** As the process sees it. */
export async function listeners(pid: number | 'self'): Promise<Listener[]> {
  const of = async (name: string, protocol: Listener['protocol'], state: string): Promise<Listener[]> => parseListeners((await readTextFile(`/proc/${pid}/net/${name}`, tableLimit)) ?? '', protocol, state);
  const range = await readTextFile('/proc/sys/net/ipv4/ip_local_port_range', 100).catch(() => undefined);
  const firstEphemeral = Number(range?.split(/\s/)[0] ?? 32_768);
  const [tcp, tcp6, udp, udp6] = await Promise.all([of('tcp', 'tcp', tcpListen), of('tcp6', 'tcp', tcpListen), of('udp', 'udp', udpUnconnected), of('udp6', 'udp', udpUnconnected)]);
  // A client's UDP socket looks like a server's; its port is one that the kernel has picked.
  return [...tcp, ...tcp6, ...[...udp, ...udp6].filter(({ port }) => port < firstEphemeral)];
}

/** Of one of the kernel's tables. */
export function parseListeners(table: string, protocol: Listener['protocol'], state: string): Listener[] {
  return table.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , is, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (is !== state) return [];
    const [address = '', port = ''] = local.split(':');
    return [{ protocol, address: addressOf(address), port: Number.parseInt(port, 16), inode: Number(inode) }];
  });
}

/** The kernel writes words of 32 bits, each as the processor has it: the lowest byte first here. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [6, 4, 2, 0].map((at) => word.slice(at, at + 2)));
  const decimal = (part: readonly string[]): string => part.map((byte) => Number.parseInt(byte, 16)).join('.');
  if (bytes.length === 4) return decimal(bytes);
  if (/^0{20}ffff$/i.test(bytes.slice(0, 12).join(''))) return `::ffff:${decimal(bytes.slice(12))}`;
  return new URL(`http://[${Array.from({ length: 8 }, (_, index) => `${bytes[2 * index] ?? '0'}${bytes[2 * index + 1] ?? '0'}`).join(':')}]`).hostname.slice(1, -1);
}

/** Whether only the machine itself reaches it. */
export function isLoopback(address: string): boolean { return address === '::1' || /^(?:::ffff:)?127\./.test(address); }

/** By the inodes of sockets, which of these processes has each open. */
export async function socketOwners(inodes: ReadonlySet<number>, pids: readonly number[]): Promise<Map<number, number>> {
  const owners = new Map<number, number>();
  for (const pid of pids) {
    if (owners.size === inodes.size) break;
    try {
      for await (const { name } of await opendir(`/proc/${pid}/fd`)) {
        const inode = Number(/^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${name}`).catch(() => ''))?.[1]);
        if (inodes.has(inode) && !owners.has(inode)) owners.set(inode, pid);
      }
    } catch { /* it has just ended */ }
  }
  return owners;
}
