/** The cloud-config of a machine that is to be installed: the one that was given, else what this machine is configured with. */
import { dump } from 'js-yaml';
import type { ConfigProblem, InstallRequest } from '../api/types.ts';
import { exportConfig, parseLayer, type CloudConfig, type LoadedConfig } from '../config/index.ts';
import { systemClock } from '../lib/clock.ts';
import { RosError } from '../lib/errors.ts';
import { fetchText } from '../sys/http.ts';

export interface CarriedConfig {
  readonly text: string;
  readonly origin: string;
  readonly problems: readonly ConfigProblem[];
  /** Whether somebody could log in with nothing else. */
  readonly letsIn: boolean;
}

const maxBytes = 1024 * 1024;
const retries = 3;

export async function carriedConfig(given: InstallRequest['cloudConfig'], load: () => Promise<LoadedConfig>): Promise<CarriedConfig> {
  if (given === undefined) return judged(ownConfig(await load()), 'this machine\'s own configuration');
  if (given.text !== undefined) return judged(given.text, given.origin);
  const fetched = await fetchText(given.origin, { retries, maxBytes, clock: systemClock });
  if (fetched.status !== 'fresh') throw new RosError('ERR_ROS_INTERNAL', `cannot fetch "${given.origin}": unchanged, and nothing is here`);
  return judged(fetched.text, given.origin);
}

function judged(text: string, origin: string): CarriedConfig {
  const { config, problems } = parseLayer(text, origin);
  return { text, origin, problems: problems.filter(({ severity }) => severity !== 'note'), letsIn: letsIn(config) };
}

/** What a boot medium or this boot set for itself stays here, and so do the host keys: two machines must not have the same. */
function ownConfig(loaded: LoadedConfig): string {
  const { config } = exportConfig(loaded, { full: false, secrets: true });
  const { state: _state, autologin: _autologin, debug: _debug, recovery: _recovery, ssh, ...rancher } = { ...config.rancher };
  const { keys: _keys, ...otherSsh } = { ...ssh };
  const kept = { ...rancher, ...(Object.keys(otherSsh).length > 0 && { ssh: otherSsh }) };
  const { rancher: _rancher, ...top } = config;
  const whole = { ...top, ...(Object.keys(kept).length > 0 && { rancher: kept }) };
  return Object.keys(whole).length === 0 ? '#cloud-config\n' : `#cloud-config\n${dump(whole, { lineWidth: -1, noRefs: true })}`;
}

function letsIn({ ssh_authorized_keys: keys = [], rancher, users = [] }: CloudConfig): boolean {
  if (keys.length > 0 || (rancher?.password ?? '') !== '') return true;
  return users.some((user) => typeof user === 'object' && ((user.ssh_authorized_keys ?? []).length > 0 || (user.lock_passwd === false && (user.passwd ?? user.hashed_passwd) !== undefined)));
}

/** Pure: the note for a machine that nobody could use; a datasource may still bring a key. */
export function loginNote({ letsIn: isOpen }: CarriedConfig, append: readonly string[]): string | undefined {
  if (isOpen || append.some((parameter) => /^rancher\.(?:password|autologin)=/.test(parameter))) return undefined;
  return 'nobody can log in to the installed machine: the cloud-config has neither ssh_authorized_keys nor rancher.password (unless a datasource brings a key)';
}
