import { describe, expect, it } from 'vitest';
import { setRules } from '../../../src/supervisor/system-ports.ts';
import type { Listener } from '../../../src/sys/listeners.ts';

const at = (protocol: Listener['protocol'], port: number, address = '0.0.0.0'): Listener => ({ protocol, address, port, inode: 1 });

describe('what the packet filter is told of the system\'s listeners', () => {
  it('is each port once, in order, whatever the addresses', () => {
    expect(setRules([at('tcp', 9100, '::'), at('tcp', 22), at('tcp', 22, '::'), at('udp', 323, '127.0.0.1')]).split('\n')).toEqual([
      'flush set inet corral_plane listening_tcp', 'add element inet corral_plane listening_tcp { 22, 9100 }',
      'flush set inet corral_plane listening_udp', 'add element inet corral_plane listening_udp { 323 }',
    ]);
  });

  it('is an empty set where nothing listens', () => {
    expect(setRules([])).toBe('flush set inet corral_plane listening_tcp\nflush set inet corral_plane listening_udp');
  });
});
