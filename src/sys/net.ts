/** The machine's network as far as the supervisor looks at it. */
import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { readTextFile } from './files.ts';

/** Resolves when something listens on that port and greets (as sshd does); rejects otherwise. */
export function connects(host: string, port: number, timeoutMs = 5000): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (error?: Error): void => { socket.destroy(); if (error === undefined) resolve(); else reject(error); };
    socket.on('data', () => { end(); });
    socket.on('timeout', () => { end(new Error(`no greeting from port ${port}`)); });
    socket.on('error', end);
  });
}

export interface Address { readonly interface: string; readonly address: string }

/** The addresses under which people reach the machine: no loopback, no link-local ones, not those of the user plane's own link. */
export function machineAddresses(): Address[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) => addresses
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80') && !address.startsWith('169.254.') && name !== 'uplane')
    .map(({ address }) => ({ interface: name, address })));
}

/** The IPv4 gateways that lead everywhere. */
export async function gateways(): Promise<string[]> { return parseGateways((await readTextFile('/proc/net/route', 1024 * 1024)) ?? ''); }

/** Parses /proc/net/route: interface, destination, gateway, …, addresses as numbers in the processor's order of bytes. */
export function parseGateways(text: string): string[] {
  const found = text.split('\n').slice(1).map((line) => line.split('\t'))
    .filter(([, destination, gateway = '']) => destination === '00000000' && /^[0-9A-F]{8}$/i.test(gateway) && gateway !== '00000000')
    .map(([, , gateway = '']) => [6, 4, 2, 0].map((at) => Number.parseInt(gateway.slice(at, at + 2), 16)).join('.'));
  return [...new Set(found)];
}
