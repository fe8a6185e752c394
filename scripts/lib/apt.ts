/**
 * A private apt: its own sources, lists, cache and (empty) dpkg status below build/cache, so the machine's own is neither
 * read nor written. apt verifies the indexes against the Debian archive keyring and every package against the indexes.
 */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildContext } from './context.ts';
import { BuildError, messageOf } from './error.ts';
import { run } from './run.ts';
import { sha256 } from './hash.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Indexes older than this are fetched again. */
const INDEX_MAX_AGE_MS = 24 * 60 * 60 * 1000;

export interface Mirrors { readonly main: string; readonly security: string }

export interface Apt {
  /** runs an apt program against the private directory */
  run(program: 'apt-get' | 'apt-cache', args: readonly string[], cwd?: string): Promise<string>;
  /** changes when the indexes were fetched anew */
  readonly indexStamp: string;
}

/** Sets the private directory up and fetches the indexes when they are missing, old, or `refresh` asks for it. */
export async function openApt(context: BuildContext, suite: string, refresh: boolean): Promise<Apt> {
  const directory = join(context.cache, 'apt');
  const mirrors = await findMirrors();
  const sources = [[mirrors.main, suite], [mirrors.main, `${suite}-updates`], [mirrors.security, `${suite}-security`]]
    .map(([site, name]) => `deb [signed-by=${KEYRING}] ${site} ${name} main\n`).join('');
  const configuration = join(directory, 'apt.conf');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'etc']) mkdirSync(join(directory, folder), { recursive: true });
  writeFileSync(join(directory, 'status'), '');
  writeFileSync(configuration, `${await settings(directory)}\n`);

  const apt = async (program: string, args: readonly string[], cwd?: string): Promise<string> =>
    await run(program, args, { env: { APT_CONFIG: configuration }, ...(cwd === undefined ? {} : { cwd }) });

  // The list of sources is part of the stamp's name: another mirror or suite needs its indexes at once.
  const stamp = join(directory, `fetched-${sha256(sources).slice(0, 12)}`);
  const age = existsSync(stamp) ? Date.now() - statSync(stamp).mtimeMs : Infinity;
  if (refresh || age > INDEX_MAX_AGE_MS) {
    writeFileSync(join(directory, 'sources.list'), sources);
    console.log('package index ...');
    try {
      await apt('apt-get', ['update', '--error-on=any']);
      writeFileSync(stamp, new Date().toISOString());
    } catch (error) {
      if (age === Infinity) throw new BuildError(`cannot fetch package index "${suite}": ${messageOf(error)}`, { hint: 'DEBIAN_MIRROR=<url> names another mirror' });
      console.warn(`warning: cannot fetch package index "${suite}", the one from ${Math.round(age / 3_600_000)} hours ago is used`);
    }
  }
  return { run: apt, indexStamp: existsSync(stamp) ? String(statSync(stamp).mtimeMs) : 'none' };
}

async function settings(directory: string): Promise<string> {
  // The private directory hides the machine's proxy settings too: those are taken along.
  const inherited = (await run('apt-config', ['dump', 'Acquire', '--no-empty'])).split('\n').filter((line) => /^Acquire::(https?|Retries)\b/.test(line));
  return [
    `Dir "${directory}";`,
    `Dir::Etc "${directory}/etc";`,
    `Dir::Etc::sourcelist "${directory}/sources.list";`,
    `Dir::Etc::sourceparts "-";`,
    `Dir::State "${directory}";`,
    `Dir::State::status "${directory}/status";`,
    `Dir::Cache "${directory}/cache";`,
    'APT::Architecture "amd64";',
    'APT::Architectures { "amd64"; };',
    'APT::Install-Recommends "false";',
    // apt's unprivileged user cannot write below a checkout in somebody's home
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    ...inherited,
  ].join('\n');
}

/** The mirror that the machine's own apt is set up for; DEBIAN_MIRROR (and DEBIAN_SECURITY_MIRROR) override it. */
async function findMirrors(): Promise<Mirrors> {
  const main = process.env['DEBIAN_MIRROR'];
  if (main !== undefined && main !== '') {
    return { main, security: process.env['DEBIAN_SECURITY_MIRROR'] ?? `${main.replace(/\/+$/, '')}-security` };
  }
  const format = '$(ORIGIN)|$(RELEASE)|$(REPO_URI)';
  const targets = (await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']).catch(() => ''))
    .split('\n').map((line) => line.split('|')).filter(([origin, , uri]) => origin === 'Debian' || (origin === '' && uri?.includes('debian') === true));
  const find = (isWanted: (release: string) => boolean): string | undefined => targets.find(([, release]) => isWanted(release ?? ''))?.[2];
  const found = find((release) => !release.includes('-'));
  if (found === undefined) {
    throw new BuildError('cannot find mirror "Debian": this machine\'s apt is set up for none', { hint: 'name one: DEBIAN_MIRROR=<url> make image' });
  }
  return { main: found, security: find((release) => release.endsWith('-security')) ?? `${found.replace(/\/+$/, '')}-security` };
}
