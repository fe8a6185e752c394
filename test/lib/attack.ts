/**
 * Attempts at the machine from a container: a table of them becomes one script, which runs in one container and says of each in one line what came of it.
 * The same script runs twice: in User Docker, where it must fail, and in System Docker, which is a plain Docker on the machine, where it must work: an
 * attempt that fails there too shows nothing.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machine } from './machine.ts';

export interface Attack {
  readonly name: string;
  /**
   * Run by sh in the container. Ends with 0: it worked; 1: it was refused; anything else: the attempt is wrong. Its last line says how one can tell.
   * For one with `look`, what it says counts for nothing unless the machine shows it.
   */
  readonly script: string;
  /** Run as rancher on the machine afterwards: prints what harm it sees, or nothing. */
  readonly look?: string;
  /** Run as rancher on the machine after that. */
  readonly undo?: string;
  /** `same`: the same script works in System Docker. Or what shows that it is a real one, or why nothing can. */
  readonly control: 'same' | { readonly onMachine: string } | { readonly none: string };
  /** It works in the user plane too: why that is so. */
  readonly open?: string;
}

export interface Outcome { readonly name: string; readonly verdict: 'refused' | 'SUCCEEDED' | 'BROKEN'; readonly words: string }

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The attempts as one script for busybox's sh. */
export function batch(attacks: readonly Attack[]): string {
  return `#!/bin/sh
# attempt NAME: the script is its input. A line a word: NAME, then what came of it.
nl='
'
attempt() {
  cat >/tmp/attempt
  said=$(timeout 100 sh /tmp/attempt </dev/null 2>&1); status=$?
  case $status in 0) verdict=SUCCEEDED ;; 1) verdict=refused ;; *) verdict="BROKEN status $status," ;; esac
  echo "$1: $verdict \${said##*$nl}"
}
${attacks.map(({ name, script }) => `attempt ${quoted(name)} <<'END OF THE ATTEMPT'\n${script.trim()}\nEND OF THE ATTEMPT\n`).join('')}echo all attempts made
`;
}

/** What it has printed, one outcome each, in the order of the table. */
export function outcomes(printed: string, attacks: readonly Attack[]): Outcome[] {
  const lines = printed.replaceAll('\r', '').split('\n');
  return attacks.map(({ name }) => {
    const line = lines.find((one) => one.startsWith(`${name}: `))?.slice(name.length + 2);
    const [, verdict, words = ''] = /^(refused|SUCCEEDED|BROKEN) ?(.*)$/.exec(line ?? '') ?? [];
    if (verdict === undefined) return { name, verdict: 'BROKEN', words: `no word of it; the last words of all: ${lines.filter((one) => one !== '').at(-1) ?? 'none'}` };
    return { name, verdict: verdict as Outcome['verdict'], words };
  });
}

/** What the machine shows of attempts that are judged there: by name, the harm. */
export async function harm(machine: Machine, attacks: readonly Attack[], timeoutMs: number): Promise<ReadonlyMap<string, string>> {
  const looked = attacks.filter(({ look }) => look !== undefined);
  const script = looked.map(({ name, look }) => `seen=$( { ${look}; } </dev/null 2>/dev/null | head -n 1 | head -c 200); [ -z "$seen" ] || echo ${quoted(name)}": $seen"\n`).join('');
  const undo = attacks.flatMap((attack) => (attack.undo === undefined ? [] : [`{ ${attack.undo}; } </dev/null >/dev/null 2>&1\n`])).join('');
  const printed = await machine.ok('bash -s', { input: `${script}${undo}exit 0\n`, timeoutMs });
  return new Map(looked.flatMap(({ name }) => {
    const line = printed.split('\n').find((one) => one.startsWith(`${name}: `));
    return line === undefined ? [] : [[name, line.slice(name.length + 2)]];
  }));
}

/** The script's own word, and where there is one the machine's, which counts. */
export function judged(said: readonly Outcome[], attacks: readonly Attack[], harmed: ReadonlyMap<string, string>): Outcome[] {
  return said.map((outcome) => {
    const seen = harmed.get(outcome.name);
    if (seen !== undefined) return { ...outcome, verdict: 'SUCCEEDED', words: `${outcome.words} (the machine: ${seen})` };
    const isJudgedThere = attacks.find(({ name }) => name === outcome.name)?.look !== undefined;
    if (!isJudgedThere || outcome.verdict !== 'SUCCEEDED') return outcome;
    return { ...outcome, verdict: 'refused', words: `${outcome.words}, but in the plane only: the machine shows nothing of it` };
  });
}

/** With every privilege that Docker has to give. */
export const everything = '--privileged --cap-add ALL --pid host --network host --ipc host --uts host --cgroupns host --security-opt seccomp=unconfined --security-opt apparmor=unconfined -v /:/h';

export type EngineCommand = 'docker' | 'sudo system-docker';
export const image = 'attacks';

/** Runs the table in one container of that engine and asks the machine what it has noticed. */
export async function attackFrom(machine: Machine, engine: EngineCommand, attacks: readonly Attack[], facts: Readonly<Record<string, string>>): Promise<Outcome[]> {
  const timeoutMs = machine.limit(150_000);
  const variables = Object.entries(facts).map(([name, value]) => `-e '${name}=${value}'`).join(' ');
  const script = batch(attacks);
  // The container's own input: what it reads is kept in its memory, and the image stays the same for every table.
  const { stdout, stderr } = await machine.run(`${engine} run --rm -i ${everything} ${variables} ${image} sh -c 'cat >/tmp/all; exec sh /tmp/all </dev/null 2>&1'`, { input: script, timeoutMs });
  const said = outcomes(`${stdout}\n${stderr === '' ? '' : `standard error: ${stderr.trim()}`}`, attacks);
  return judged(said, attacks, await harm(machine, attacks, timeoutMs));
}

/** What `report` prints for people, and the note of the issue quotes. */
export function table(title: string, all: readonly Outcome[]): string {
  const width = Math.max(...all.map(({ name }) => name.length));
  return [`${title}:`, ...all.map(({ name, verdict, words }) => `  ${name.padEnd(width)}  ${verdict.padEnd(9)}  ${words.length > 160 ? `${words.slice(0, 157)}...` : words}`)].join('\n');
}

const sources = join(import.meta.dirname, '../attacks');

/** The program `attack`, static. */
export function compileAttack(folder: string): string {
  const program = join(folder, 'attack');
  const flags = ['-D_GNU_SOURCE', '-std=gnu17', '-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror'];
  execFileSync('musl-gcc', [...flags, '-o', program, ...globSync('*.c', { cwd: sources }).sort().map((file) => join(sources, file))], { stdio: 'inherit' });
  return program;
}

/** The archive of an image with busybox, `attack` and a module of the machine's kernel to load. */
export function attackImage(program: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'attack-image-'));
  try {
    chmodSync(folder, 0o755);
    for (const name of ['bin', 'lib', 'tmp', 'proc', 'sys', 'dev', 'h', 'm']) mkdirSync(join(folder, name));
    const busybox = 'build/work/root/usr/bin/busybox';
    copyFileSync(busybox, join(folder, 'bin/busybox'));
    for (const applet of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n')) if (applet !== 'busybox') symlinkSync('busybox', join(folder, 'bin', applet));
    copyFileSync(program, join(folder, 'bin/attack'));
    const [module] = globSync('build/work/root/usr/lib/modules/*/kernel/drivers/net/dummy.ko');
    if (module === undefined) throw new Error('cannot make the image of the attacks: there is no dummy.ko in build/work/root (make image builds it)');
    copyFileSync(module, join(folder, 'lib/dummy.ko'));
    writeFileSync(join(folder, 'lib/agent'), '#!/bin/sh\n: > /run/corral-canary/hit-agent\n', { mode: 0o755 });
    return execFileSync('tar', ['--owner=0', '--group=0', '-C', folder, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
