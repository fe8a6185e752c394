import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isZone, zoneFile } from '../../../src/lib/zone-file.ts';

/** Local time and name of the zone at some moments, as the C library makes them of the file. */
async function local(zone: string, moments: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'zone-'));
  try {
    const file = join(folder, 'localtime');
    writeFileSync(file, await zoneFile(zone));
    return moments.map((at) => execFileSync('date', ['-d', at, '+%F %T %z %Z'], { env: { PATH: '/usr/bin:/bin', TZ: `:${file}` } }).toString().trim());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a zone file', () => {
  it('changes to summer time and back to the second', async () => {
    expect(await local('Europe/Vienna', ['2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z', '2026-10-25T00:59:59Z', '2026-10-25T01:00:00Z', '2036-07-01T00:00:00Z'])).toEqual([
      '2026-03-29 01:59:59 +0100 CET', '2026-03-29 03:00:00 +0200 CEST', '2026-10-25 02:59:59 +0200 CEST', '2026-10-25 02:00:00 +0100 CET', '2036-07-01 02:00:00 +0200 CEST',
    ]);
  });

  it('knows zones west of Greenwich, of half hours, and without changes', async () => {
    expect(await local('America/New_York', ['2026-01-01T12:00:00Z'])).toEqual(['2026-01-01 07:00:00 -0500 EST']);
    expect(await local('Asia/Kolkata', ['2026-01-01T12:00:00Z', '2050-06-01T12:00:00Z'])).toEqual(['2026-01-01 17:30:00 +0530 IST', '2050-06-01 17:30:00 +0530 IST']);
    expect(await local('UTC', ['2026-01-01T12:00:00Z', '2050-06-01T12:00:00Z'])).toEqual(['2026-01-01 12:00:00 +0000 UTC', '2050-06-01 12:00:00 +0000 UTC']);
  });

  it('is of a zone only', () => {
    expect(['Europe/Vienna', 'UTC', 'Etc/GMT+5'].map(isZone)).toEqual([true, true, true]);
    expect(['Europe/Wien', '', '+02:00', '../etc/shadow', 'a b'].map(isZone)).toEqual([false, false, false, false, false]);
  });
});
