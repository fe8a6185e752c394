import { appendFile, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { boundLog, readTextFile, writeFileAtomic } from '../../../src/sys/files.ts';

let directory: string;
beforeEach(async () => { directory = await mkdtemp(join(tmpdir(), 'files-')); });
afterEach(async () => { await rm(directory, { recursive: true }); });

describe('a log that somebody holds open', () => {
  it('is emptied when it has grown too large, and goes on from its beginning; what it held is kept once', async () => {
    const path = join(directory, 'log');
    const holder = await open(path, 'a');
    await holder.write('x'.repeat(100));
    await boundLog(path, 100);
    expect((await stat(path)).size).toBe(100);
    await holder.write('y');
    await boundLog(path, 100);
    await holder.write('z');
    await holder.close();
    expect(await readFile(path, 'utf8')).toBe('z');
    expect(await readFile(`${path}.1`, 'utf8')).toBe(`${'x'.repeat(100)}y`);
  });

  it('that is not there is no error', async () => { await boundLog(join(directory, 'none'), 1); });
});

describe('a file that matters', () => {
  it('is replaced whole, with its mode, and leaves nothing beside it', async () => {
    const path = join(directory, 'deep/config.yml');
    await writeFileAtomic(path, 'one', 0o600);
    await writeFileAtomic(path, 'two', 0o640);
    expect(await readTextFile(path, 10)).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  it('keeps what it was when it cannot be written', async () => {
    const path = join(directory, 'file');
    await writeFile(path, 'old');
    await expect(writeFileAtomic(join(path, 'below'), 'new', 0o600)).rejects.toThrow(`cannot write file "${join(path, 'below')}": `);
    expect(await readTextFile(path, 10)).toBe('old');
  });

  it('is not read when it is larger than anybody meant', async () => {
    const path = join(directory, 'large');
    await appendFile(path, 'x'.repeat(11));
    await expect(readTextFile(path, 10)).rejects.toThrow('it is larger than 10 bytes');
    expect(await readTextFile(join(directory, 'none'), 10)).toBeUndefined();
  });
});
