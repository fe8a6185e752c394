import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemDockerChoice, userDockerChoice } from '../../../src/config/engine-flags.ts';
import { settingsOf, type Settings } from '../../../src/config/index.ts';
import { parseLayer } from '../../../src/config/load.ts';
import { renderNetwork } from '../../../src/config/network-render.ts';
import { isSecretPath } from '../../../src/config/secrets.ts';
import { mergeAccounts, noAccounts, type AccountFiles } from '../../../src/supervisor/apply/accounts.ts';
import { consoleFiles } from '../../../src/supervisor/apply/console-files.ts';
import { loginEnvironment } from '../../../src/supervisor/apply/environment.ts';
import { mountArguments } from '../../../src/supervisor/apply/mounts.ts';
import { ntpSources } from '../../../src/supervisor/apply/ntp.ts';
import { planChanges } from '../../../src/supervisor/apply/parts.ts';
import { configTree, marker } from '../../lib/config-texts.ts';
import { corpus, fuzzTimeoutMs, holds } from '../../lib/fuzz.ts';

const secret = 'T0PS3CR3T';
let directory: string;
let proof: string;
beforeAll(() => { directory = mkdtempSync(join(tmpdir(), 'settings-')); proof = join(directory, 'proof'); });
afterAll(() => { rmSync(directory, { recursive: true }); });

/** Every marked text tries to break out of where it is put; what is secret is known again. */
function hostile(tree: unknown, path: readonly string[] = []): unknown {
  if (Array.isArray(tree)) return tree.map((item, index) => hostile(item, [...path, String(index)]));
  if (typeof tree === 'object' && tree !== null) return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, hostile(value, [...path, key])]));
  if (typeof tree !== 'string') return tree;
  return isSecretPath(path) ? secret : tree.replaceAll(marker, `$(touch ${proof})\`touch ${proof}\`'"\nEVIL`);
}

function settingsFrom(text: string): Settings { return settingsOf(parseLayer(text, 'file').config); }
function settingsOfTree(tree: unknown): Settings { return settingsFrom(dump(hostile(tree), { lineWidth: -1, noRefs: true })); }

/** No value has begun a line of its own. */
function expectNoNewLine(text: string): void { expect(text).not.toMatch(/^EVIL/m); }

const base: AccountFiles = {
  passwd: 'root:x:0:0:root:/root:/bin/bash\nrancher:x:1100:1100::/home/rancher:/bin/bash\ndocker:x:1101:1101::/home/docker:/bin/bash\n',
  group: 'root:x:0:\ndocker:x:1101:rancher\nrancher:x:1100:\nsudo:x:27:rancher\n',
  shadow: 'root:*:20000::::::\nrancher:*:20000::::::\ndocker:*:20000::::::\n',
};

function expectAccounts({ users, groups }: Settings): void {
  const { files, record, sudoers } = mergeAccounts(base, noAccounts, users, groups);
  for (const [name, width] of [['passwd', 7], ['group', 4], ['shadow', 9]] as const) {
    const rows = files[name].trimEnd().split('\n').map((line) => line.split(':'));
    expect(rows.filter((row) => row.length !== width)).toEqual([]);
    expect(rows.map(([owner]) => owner).filter((owner, index, all) => all.indexOf(owner) !== index), name).toEqual([]);
    if (name !== 'shadow') expect(rows.map(([, , id]) => id).filter((id) => !/^\d+$/.test(id ?? ''))).toEqual([]);
  }
  expect(files.passwd).toMatch(/^root:x:0:0:/);
  expect(files.passwd.match(/^[^:]*:[^:]*:0+:/gm)).toHaveLength(1);
  expectNoNewLine(sudoers);
  // A second time nothing is left to do, and without the configuration everybody is gone that came with it.
  expect(mergeAccounts(files, record, users, groups).files).toEqual(files);
  if (users.every(({ name }) => !/^(?:root|rancher|docker)$/.test(name))) expect(mergeAccounts(files, record, [], []).files).toEqual(base);
}

function expectNetwork({ network }: Settings): void {
  const { text } = renderNetwork(network);
  if (text === undefined) return;
  const file = join(directory, 'network');
  writeFileSync(file, text);
  const said = execFileSync('sh', ['-euc', '. "$1"; rule_of eth0 00:11:22:33:44:55; for n in 1 2 3; do case $(type settings_$n 2>&1) in *function*) settings_$n ;; esac; done', 'sh', file], { encoding: 'utf8', stdio: 'pipe' });
  expect(said).toBe('');
}

function renderedLaw(settings: Settings): void {
  expectAccounts(settings);
  expectNetwork(settings);
  for (const text of [...Object.values(consoleFiles(settings)), ntpSources(settings.ntp), ...Object.values(loginEnvironment(settings))]) expectNoNewLine(text);
  for (const { set, refused } of [systemDockerChoice(settings), userDockerChoice(settings, { hasCertificates: true })]) {
    expect([...set.flags, ...set.bootFlags].filter((flag) => !flag.startsWith('--'))).toEqual([]);
    expect(JSON.stringify(refused)).not.toContain(secret);
  }
  settings.mounts.map(mountArguments);
  expect(existsSync(proof)).toBe(false);
}

describe('what is made of any configuration', { timeout: fuzzTimeoutMs }, () => {
  it.each(corpus('settings'))('stays within its bounds: %s', (_what, text) => { renderedLaw(settingsFrom(text)); });
  it('stays within its bounds: no line, no flag and no command of its own', () => holds(configTree({ faults: false }), (tree) => { renderedLaw(settingsOfTree(tree)); }, 150));

  it('is the same after a file: nothing is applied twice', () => holds(configTree({ faults: false }), (tree) => {
    const settings = settingsOfTree(tree);
    expect(planChanges(JSON.parse(JSON.stringify(settings)) as Settings, settings)).toEqual([]);
  }, 100));

  it('is told without secrets', () => holds(fc.tuple(configTree({ faults: false }), configTree({ faults: false })), ([before, after]) => {
    expect(JSON.stringify(planChanges(settingsOfTree(before), settingsOfTree(after)))).not.toContain(secret);
  }, 100));
});
