import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkLibraries, missingNeeds, Union } from '../../../scripts/lib/check-libraries.ts';
import { readElfNeeds } from '../../../scripts/lib/elf.ts';

let lower = '';
let upper = '';
const put = (root: string, path: string, content = ''): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
};
beforeEach(() => { [lower, upper] = ['lower-', 'upper-'].map((name) => mkdtempSync(join(tmpdir(), name))) as [string, string]; });
afterEach(() => { for (const root of [lower, upper]) rmSync(root, { recursive: true }); });

describe('reading an ELF file', () => {
  it('finds what the running Node needs', () => {
    const needs = readElfNeeds(process.execPath);
    expect(needs?.interpreter).toMatch(/ld-linux/);
    expect(needs?.libraries).toContain('libc.so.6');
  });

  it('is undefined for a script', () => {
    expect(readElfNeeds(import.meta.filename)).toBeUndefined();
  });
});

describe('a union of layers', () => {
  it('follows links through every layer, relative and absolute', () => {
    put(lower, 'usr/lib/x86_64-linux-gnu/libx.so.1.2');
    symlinkSync('usr/lib', join(lower, 'lib'));
    symlinkSync('libx.so.1.2', join(lower, 'usr/lib/x86_64-linux-gnu/libx.so.1'));
    mkdirSync(join(upper, 'opt'));
    symlinkSync('/lib/x86_64-linux-gnu/libx.so.1', join(upper, 'opt/x'));
    expect(new Union([lower, upper]).file('/opt/x')).toBe(join(lower, 'usr/lib/x86_64-linux-gnu/libx.so.1.2'));
  });

  it('ends at a link that leads to itself', () => {
    symlinkSync('loop', join(lower, 'loop'));
    expect(new Union([lower]).resolve('loop')).toBeUndefined();
  });

  it('looks for libraries where the program says, beside it', () => {
    put(lower, 'opt/x/lib/liby.so');
    const needs = { interpreter: undefined, libraries: ['liby.so', 'libz.so'], searchPaths: ['$ORIGIN/../lib'] };
    expect(missingNeeds(new Union([lower]), 'opt/x/bin/x', needs)).toEqual(['libz.so']);
  });
});

it('the check names the program and what it lacks', () => {
  mkdirSync(join(upper, 'usr/bin'), { recursive: true });
  writeFileSync(join(upper, 'usr/bin/tool'), elfThatNeeds('libgone.so.1'));
  expect(() => { checkLibraries('image x', [lower, upper]); }).toThrow('cannot run program "/usr/bin/tool" of image x: no libgone.so.1 there');
  put(lower, 'usr/lib/libgone.so.1');
  expect(() => { checkLibraries('image x', [lower, upper]); }).not.toThrow();
});

/** The least that is an ELF program with one library: one segment that maps the file, one that holds its dynamic table. */
function elfThatNeeds(library: string): Buffer {
  const file = Buffer.alloc(0x200);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file);
  file.writeUInt16LE(3, 16);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, size: number): void => {
    file.writeUInt32LE(type, at);
    for (const field of [8, 16]) file.writeBigUInt64LE(BigInt(offset), at + field);
    file.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(64, 1, 0, file.length);
  segment(120, 2, 0x100, 48);
  [1n, 1n, 5n, 0x180n, 0n, 0n].forEach((value, index) => { file.writeBigUInt64LE(value, 0x100 + 8 * index); });
  file.write(library, 0x181, 'latin1');
  return file;
}
