import { describe, expect, it } from 'vitest';
import { loadConfig, parseLayer } from '../../../src/config/load.ts';
import { starterConfig } from '../../../src/config/starter.ts';

describe('the cloud-config to begin with', () => {
  it('says nothing as it is', () => {
    expect(parseLayer(starterConfig(), 'starter')).toMatchObject({ config: {}, valid: true, problems: [] });
  });

  it('says what holds anyway once every line is uncommented (but of swap, which needs a size)', async () => {
    const text = starterConfig().split('\n').map((line, index) => (index === 0 ? line : line.replace(/^#/, ''))).join('\n').replace(/^ Take[\s\S]*?\n\n/m, '').replace(/^swap:\n(?:  .*\n)+/m, '');
    expect(text).toMatch(/^rancher:$/m);
    const { problems } = parseLayer(text, 'starter');
    expect(problems).toEqual([]);
    const nothing = await loadConfig({ confDirectory: '/nonexistent' });
    const everything = await loadConfig({ confDirectory: '/nonexistent', cloudConfig: text });
    expect(everything.config).toMatchObject(nothing.config);
  });

  it('names keys that are in effect, and none that is not', () => {
    const starter = starterConfig();
    for (const key of ['hostname', 'ssh_authorized_keys', 'write_files', 'runcmd']) expect(starter).toMatch(new RegExp(`^#${key}:`, 'm'));
    expect(starter).not.toContain('bootstrap_docker');
    expect(starter).not.toContain('rm_usr');
  });
});
