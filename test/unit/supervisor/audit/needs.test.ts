/** The table of what system containers may have, held against their service files: whoever gives one more must say so there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { needs, type Needs } from '../../../../src/supervisor/audit/checks/containers.ts';

interface Manifest {
  readonly privileged?: boolean;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly read_only?: boolean;
  readonly volumes?: readonly string[];
  readonly network_mode?: string; readonly pid?: string; readonly ipc?: string; readonly uts?: string; readonly cgroup?: string;
}

const folder = join(import.meta.dirname, '../../../../system-services');
const names = readdirSync(folder).filter((name) => readdirSync(join(folder, name)).includes('service.yml'));

function needsOf(manifest: Manifest): Needs {
  const options = manifest.security_opt ?? [];
  const shares = ([['net', manifest.network_mode], ['pid', manifest.pid], ['ipc', manifest.ipc], ['uts', manifest.uts], ['cgroup', manifest.cgroup]] as const).flatMap(([kind, mode]) => (mode === 'host' ? [kind] : []));
  return {
    capabilities: manifest.privileged === true ? 'all' : manifest.cap_add ?? [], shares,
    ...(manifest.read_only !== true && { writes: true }),
    ...(!options.some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)) && { gains: true }),
    ...((manifest.privileged === true || options.includes('apparmor=unconfined')) && { unconfined: true }),
    ...(manifest.volumes?.some((volume) => /^\/run(?:\/(?:ros|system-docker)\b[^:]*)?\/?:/.test(volume) && !/^\/run\/ros\/(?:network|user-engine):/.test(volume)) === true && { commands: true }),
  };
}

describe('what system containers may have', () => {
  it('is told of every one of them', () => { expect(Object.keys(needs).sort()).toEqual(names.sort()); });

  it.each(names)('is for %s what its service file asks for', (name) => {
    const { services } = load(readFileSync(join(folder, name, 'service.yml'), 'utf8')) as { services: Record<string, Manifest> };
    const manifest = services[name] ?? {};
    const asked = needsOf(manifest);
    const { shares, capabilities, ...rest } = needs[name] ?? { shares: [], capabilities: [] };
    expect(rest).toEqual(Object.fromEntries(Object.entries(asked).filter(([key]) => key !== 'shares' && key !== 'capabilities')));
    expect([...shares].sort()).toEqual([...asked.shares].sort());
    expect(typeof capabilities === 'string' ? capabilities : [...capabilities].sort()).toEqual(typeof asked.capabilities === 'string' ? asked.capabilities : [...asked.capabilities].sort());
    // What is not privileged begins with nothing, and is filtered.
    if (manifest.privileged !== true) expect(manifest.cap_drop).toEqual(['ALL']);
    expect(manifest.security_opt ?? []).not.toContain('seccomp=unconfined');
  });
});
