import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseLayer } from '../../../src/config/load.ts';
import { settingsOf } from '../../../src/config/index.ts';
import { combineLayers } from '../../../src/services/plan.ts';
import { readManifest } from '../../../src/services/manifest.ts';
import { planChanges } from '../../../src/supervisor/apply/parts.ts';
import { handOutIsolation, hostWarning, isolationLayer } from '../../../src/supervisor/plane-mode.ts';

const settings = (isolation?: 'plane' | 'host') => settingsOf({ rancher: { docker: { ...(isolation !== undefined && { isolation }) } } });
const manifest = readFileSync(join(import.meta.dirname, '../../../system-services/docker/service.yml'), 'utf8');
const shipped = { name: 'shipped', services: readManifest(manifest, 'service.yml', { VERSION: '1' }).map((fragment) => ({ ...fragment, builtIn: true })) };

describe('rancher.docker.isolation', () => {
  it('is "plane" unless it is "host", and nothing else', () => {
    expect(settings().docker.isolation).toBe('plane');
    expect(settings('host').docker.isolation).toBe('host');
    expect(parseLayer('rancher: {docker: {isolation: none}}', 'f').problems.map(({ severity }) => severity)).toEqual(['error']);
    // It is User Docker's alone.
    expect(parseLayer('rancher: {system_docker: {isolation: host}}', 'f').problems).toHaveLength(1);
  });

  it('"host" gives the container docker the machine\'s process ids, and changes nothing else of it', () => {
    const [plane, host] = [combineLayers([shipped, ...isolationLayer(settings())]), combineLayers([shipped, ...isolationLayer(settings('host'))])].map((plan) => plan.services.get('docker'));
    expect(plane?.pidMode).toBeUndefined();
    expect(host).toMatchObject({ pidMode: 'host', builtIn: true, environment: { ...plane?.environment, ISOLATION: 'host' }, volumes: plane?.volumes, image: plane?.image, cgroupParent: '/user' });
  });

  it('is applied by a start of the container, which is said beforehand', () => {
    const changes = planChanges(settings(), settings('host'));
    expect(changes.map(({ part, effect, restarts }) => ({ part, effect, restarts }))).toEqual([{ part: 'docker (isolation)', effect: 'restarts', restarts: ['docker'] }]);
    expect(changes[0]?.what).toMatch(/in the machine's own namespaces.*all user containers stop.*images, containers and volumes are kept/);
    expect(planChanges(settings('plane'), settings())).toEqual([]);
  });

  it('is warned of at login as long as it is "host"', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plane-mode-'));
    const told: string[] = [];
    const warnings = new Map<string, string>();
    const machine = { warnings, log: { warn: (text: string) => { told.push(text); } }, refreshLogin: () => { told.push('login'); } } as unknown as Parameters<typeof handOutIsolation>[0];
    try {
      await handOutIsolation(machine, 'host', join(folder, 'mode'));
      expect(readFileSync(join(folder, 'mode'), 'utf8')).toBe('host\n');
      expect([...warnings.values()]).toEqual([hostWarning]);
      await handOutIsolation(machine, 'plane', join(folder, 'mode'));
      expect(existsSync(join(folder, 'mode'))).toBe(false);
      expect(warnings.size).toBe(0);
      expect(told.filter((line) => line === 'login')).toHaveLength(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
