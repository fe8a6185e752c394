import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchTftp } from '../../../src/sys/tftp.ts';

/** A TFTP server with one file, which answers from another port, as they do. `drop`: every so many packets it does not answer. */
let listener: Socket;
let transfer: Socket;
let port = 0;
let content = Buffer.alloc(0);
let drop = 0;
let seen: string[] = [];

beforeEach(async () => {
  [content, drop, seen] = [Buffer.alloc(0), 0, []];
  let packets = 0;
  listener = createSocket('udp4');
  transfer = createSocket('udp4');
  const send = (block: number, to: AddressInfo): void => {
    packets += 1;
    if (drop > 0 && packets % drop === 0) return;
    const head = Buffer.from([0, 3, (block >> 8) & 0xff, block & 0xff]);
    transfer.send(Buffer.concat([head, content.subarray((block - 1) * 512, block * 512)]), to.port, to.address);
  };
  listener.on('message', (packet, from) => {
    const [path = '', mode = ''] = packet.subarray(2).toString('latin1').split('\0');
    seen.push(`${packet[1]} ${path} ${mode}`);
    if (path === 'none') transfer.send(Buffer.from('\0\x05\0\x01gone\0', 'latin1'), from.port, from.address);
    else if (path === 'refused') transfer.send(Buffer.from('\0\x05\0\x02no\0', 'latin1'), from.port, from.address);
    else if (path !== 'silent') send(1, { ...from, family: 'IPv4' });
  });
  transfer.on('message', (packet, from) => {
    const block = packet.readUInt16BE(2);
    if (packet[1] === 4 && block * 512 <= content.length) send(block + 1, { ...from, family: 'IPv4' });
  });
  await Promise.all([listener, transfer].map((socket) => new Promise<void>((resolve) => { socket.bind(0, '127.0.0.1', resolve); })));
  ({ port } = listener.address());
});
afterEach(() => { listener.close(); transfer.close(); });

const fetch = (path: string, over: Partial<Parameters<typeof fetchTftp>[3]> = {}) => fetchTftp('127.0.0.1', port, path, { maxBytes: 100_000, timeoutMs: 3000, resendMs: 30, ...over });

describe('fetching by TFTP', () => {
  it.each([[0], [100], [512], [5000], [51_200]])('gives a file of %d bytes', async (size) => {
    content = Buffer.alloc(size, 'abcdefg');
    expect((await fetch('dir/file')).equals(content)).toBe(true);
    expect(seen[0]).toBe('1 dir/file octet');
  });

  it('asks again for what was lost', async () => {
    content = Buffer.alloc(5000, 'x');
    drop = 3;
    expect((await fetch('file')).equals(content)).toBe(true);
  });

  it.each([['none', 'ERR_ROS_NOT_FOUND', 'there is no such file'], ['refused', 'ERR_ROS_FETCH', 'the server refuses (error 2)'], ['silent', 'ERR_ROS_FETCH', 'it is not here after 0.2 s']])('says why "%s" cannot be had', async (path, code, why) => {
    await expect(fetch(path, { timeoutMs: 200 })).rejects.toMatchObject({ code, message: `cannot fetch "tftp://127.0.0.1:${port}/${path}": ${why}` });
  });

  it('takes no more than it was told to, and ends when it is cancelled', async () => {
    content = Buffer.alloc(5000, 'x');
    await expect(fetch('file', { maxBytes: 4000 })).rejects.toMatchObject({ code: 'ERR_ROS_TOO_LARGE' });
    await expect(fetch('silent', { signal: AbortSignal.timeout(30) })).rejects.toThrow('cancelled');
    await expect(fetch('file', { signal: AbortSignal.abort() })).rejects.toThrow('cancelled');
  });
});
