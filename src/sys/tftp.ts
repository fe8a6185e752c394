/** Small files over TFTP (RFC 1350). Whoever answers is not trusted: time and size are bounded. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { causeOf, RosError } from '../lib/errors.ts';

export interface TftpOptions {
  readonly maxBytes: number;
  /** For the whole file. */
  readonly timeoutMs: number;
  /** After this long without an answer the last packet is sent again. */
  readonly resendMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const blockBytes = 512;
const opcode = { read: 1, data: 3, acknowledge: 4, error: 5 } as const;
const fileNotFound = 1;

/** Throws `cannot fetch "tftp://…": <cause>`: ERR_ROS_NOT_FOUND, ERR_ROS_TOO_LARGE or ERR_ROS_FETCH. */
export function fetchTftp(host: string, port: number, path: string, options: TftpOptions): Promise<Buffer> {
  const { maxBytes, timeoutMs, resendMs = 1000, signal } = options;
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const blocks: Buffer[] = [];
    let length = 0;
    // A server answers from a port of its own, which names the transfer.
    let peer: RemoteInfo | undefined;
    let last = readRequest(path);

    const send = (): void => {
      socket.send(last, peer?.port ?? port, peer?.address ?? host, (error) => { if (error !== null) fail('ERR_ROS_FETCH', causeOf(error)); });
    };
    const resend = setInterval(send, resendMs);
    const late = setTimeout(() => { fail('ERR_ROS_FETCH', `it is not here after ${timeoutMs / 1000} s`); }, timeoutMs);
    const onAbort = (): void => { fail('ERR_ROS_FETCH', 'cancelled'); };
    function end(): void {
      clearInterval(resend);
      clearTimeout(late);
      signal?.removeEventListener('abort', onAbort);
      try { socket.close(); } catch { /* it is closed already */ }
    }
    function fail(code: string, cause: string): void {
      end();
      reject(new RosError(code, `cannot fetch "tftp://${host}${port === 69 ? '' : `:${port}`}/${path.replace(/^\//, '')}": ${cause}`));
    }

    socket.on('error', (error) => { fail('ERR_ROS_FETCH', causeOf(error)); });
    socket.on('message', (packet, from) => {
      if (packet.length < 4 || (peer !== undefined && (from.port !== peer.port || from.address !== peer.address))) return;
      const kind = packet.readUInt16BE(0);
      const block = packet.readUInt16BE(2);
      if (kind === opcode.error) {
        if (block === fileNotFound) fail('ERR_ROS_NOT_FOUND', 'there is no such file');
        else fail('ERR_ROS_FETCH', `the server refuses (error ${block})`);
        return;
      }
      // Anything but the next block is an echo of one that was acknowledged already.
      if (kind !== opcode.data || block !== ((blocks.length + 1) & 0xffff)) return;
      peer = from;
      const data = packet.subarray(4);
      length += data.length;
      if (length > maxBytes) { fail('ERR_ROS_TOO_LARGE', `it is larger than ${maxBytes} bytes`); return; }
      blocks.push(data);
      last = Buffer.from([0, opcode.acknowledge, packet[2] ?? 0, packet[3] ?? 0]);
      if (data.length < blockBytes) {
        socket.send(last, from.port, from.address, () => { end(); resolve(Buffer.concat(blocks)); });
        return;
      }
      send();
    });
    if (signal?.aborted === true) { onAbort(); return; }
    signal?.addEventListener('abort', onAbort, { once: true });
    send();
  });
}

function readRequest(path: string): Buffer {
  return Buffer.concat([Buffer.from([0, opcode.read]), Buffer.from(`${path}\0octet\0`, 'latin1')]);
}
