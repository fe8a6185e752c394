/** The build's cuts, made in the Node that runs this: it is the one that the product is made of. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ElfImage } from '../../../scripts/lib/elf-image.ts';
import { dropExports, symbolNames } from '../../../scripts/lib/trim-exports.ts';
import { nodeUse, type NodeUse } from '../../../scripts/lib/node-modules.ts';
import { dropLines } from '../../../scripts/lib/trim-lines.ts';
import { blankSources, blankTypeScriptCompiler, fitCodeCaches, trapCompilers, trimIcu } from '../../../scripts/lib/trim-node.ts';

const program = readFileSync(process.execPath);
let folder = '';
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'trim-')); });
afterAll(() => { rmSync(folder, { recursive: true }); });

const save = (name: string, content: Buffer): string => {
  const file = join(folder, name);
  writeFileSync(file, content, { mode: 0o755 });
  return file;
};
/** Calls and loops far beyond where V8 would compile, exceptions, regular expressions, garbage, texts by locale. */
const busy = `
  const fib = (n) => n < 2 ? n : fib(n - 1) + fib(n - 2);
  let sum = fib(25);
  for (let i = 0; i < 3e6; i += 1) sum = (sum + i * 3) | 0;
  for (let i = 0; i < 1e5; i += 1) { try { if (i % 5 === 0) throw new Error('e' + i); } catch (error) { sum += error.message.length; } }
  sum += [...'joe@example.com ann@x.org '.repeat(5000).matchAll(/(\\w+)@(\\w+)\\.(com|org)/giu)].length;
  for (let i = 0; i < 20; i += 1) JSON.parse(JSON.stringify(Array.from({ length: 1e4 }, (_, at) => ({ at, text: 'k' + at }))));
  sum += require('crypto').createHash('sha256').update(String(sum)).digest()[0] + new Intl.NumberFormat('en').format(1234.5).length;
  console.log(sum, new URL('http://bücher.example').host, 'x'.localeCompare('y'));
  try { require('assert')(sum === 'x'); } catch (error) { console.log(error.name, error.message); }
`;

describe('a Node that never compiles', () => {
  const required = ['node:http', 'node:child_process', 'fs/promises'];
  let node = '';
  let use: NodeUse;
  beforeAll(async () => {
    const binary = Buffer.from(program);
    use = await nodeUse(process.execPath, ['--jitless'], required);
    expect(trimIcu(binary)).toBeGreaterThan(25_000_000);
    expect(blankTypeScriptCompiler(binary)).toBeGreaterThan(3_000_000);
    const { kept, blanked } = fitCodeCaches(binary, use);
    expect(kept).toBeGreaterThan(40);
    expect(blanked).toBeGreaterThan(2_000_000);
    expect(blankSources(binary, use.never)).toBeGreaterThan(1_000_000);
    expect(trapCompilers(binary, new ElfImage(program).functions())).toBeGreaterThan(10_000_000);
    node = save('node', binary);
  }, 60_000);

  it('takes the code of its modules from their caches, which it does not as it comes', async () => {
    expect(use.withoutCache).toContain('_http_server');
    expect((await nodeUse(node, ['--jitless'], required)).withoutCache).toEqual([]);
  });

  it('must have had the sources that it is to lose', () => {
    expect(() => blankSources(Buffer.from(program), new Map([['internal/none', 'not a line of Node']]))).toThrow('cannot trim program "node": the source of its module "internal/none" is not where it was');
  });

  it('does without the compilers and the caches what it does with them', () => {
    const [whole, trimmed] = [process.execPath, node].map((one) => execFileSync(one, ['--jitless', '-e', busy], { encoding: 'utf8', env: { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:9' } }));
    expect(trimmed).toBe(whole);
  }, 60_000);

  it('stops at once when it is let to compile: the compilers are gone, not merely asleep', () => {
    expect(spawnSync(node, ['-e', busy]).signal).toBe('SIGTRAP');
  });
});

describe('a program that exports to nobody', () => {
  it('starts, and has kept what a library may look for', () => {
    const binary = Buffer.from(program);
    const kept = new Set(['malloc', 'stderr', 'napi_create_object']);
    expect(dropExports(binary, (name) => kept.has(name))).toBeGreaterThan(30_000);
    const left = symbolNames(binary);
    expect(left).toContain('napi_create_object');
    expect(left).toContain('stderr');
    expect(left.filter((name) => name !== '').length).toBeLessThan(1000);
    const file = save('unexported', binary);
    expect(execFileSync(file, ['-p', '6 * 7'], { encoding: 'utf8' })).toBe('42\n');
  }, 60_000);

  it('is the same when nothing is dropped', () => {
    const binary = Buffer.from(program);
    expect(dropExports(binary, () => true)).toBe(0);
    expect(symbolNames(binary)).toEqual(symbolNames(program));
    expect(binary.equals(program)).toBe(true);
  }, 60_000);
});

describe('a Go program without lines', () => {
  /** It is at hand: what makes the bundle of ros. */
  const packages = join(import.meta.dirname, '../../../node_modules');
  const original = join(packages, '@esbuild/linux-x64/bin/esbuild');
  const go = readFileSync(original);
  const trimmed = (): string => {
    const binary = Buffer.from(go);
    expect(dropLines(binary)).toBeGreaterThan(100_000);
    expect(binary.length).toBe(go.length);
    return save('lineless', binary);
  };

  it('does what it did, with its garbage collected and its stacks grown', () => {
    const nested = Array.from({ length: 50 }, (_, index) => `export const v${index} = ${'['.repeat(2000)}1${']'.repeat(2000)};\n`).join('');
    const [whole, without] = [original, trimmed()].map((file) => execFileSync(file, ['--minify', '--format=esm'], { input: nested, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, env: { GOGC: '1' } }));
    expect(without).toBe(whole);
  });

  it('crashes with the names of its functions, and how far in they were, but without lines', async () => {
    const { version } = JSON.parse(readFileSync(join(packages, 'esbuild/package.json'), 'utf8')) as { version: string };
    const child = spawn(trimmed(), [`--service=${version}`, '--ping']);
    const ended = once(child, 'close');
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => { text += more; });
    await once(child.stdout, 'data'); // it greets who started it, and waits
    child.kill('SIGQUIT');
    await ended;
    expect(text).toMatch(/\nmain\.main\(\)\n\t\?:0 \+0x[0-9a-f]+/);
    expect(text).not.toMatch(/\.go:\d/);
  });

  it('must have been one', () => {
    expect(() => dropLines(Buffer.from(program))).toThrow('it has no tables of Go 1.20 or later');
  });
});
