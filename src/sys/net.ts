/** The machine's network as far as the supervisor looks at it. */
import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';

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
