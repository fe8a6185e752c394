import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKernelCmdline } from '../../../src/config/kernel-cmdline.ts';
import { settingsOf } from '../../../src/config/settings.ts';
import { validate } from '../../../src/config/validate.ts';
import { plainValue, type Tree } from '../../../src/config/yaml.ts';

/** What the parameters mean once the schema has read them. */
function configOf(cmdline: string) {
  const { fragment, problems } = parseKernelCmdline(cmdline);
  const validated = validate(fragment, 'kernel parameters');
  return { config: validated.config, problems: [...problems, ...validated.problems] };
}

describe('kernel parameters', () => {
  it('reads dotted keys below rancher and top-level keys below cc', () => {
    expect(configOf('quiet rancher.state.dev=LABEL=RANCHER_STATE cc.hostname=box root=/dev/sda1')).toEqual({
      config: { hostname: 'box', rancher: { state: { dev: 'LABEL=RANCHER_STATE' } } }, problems: [],
    });
  });

  it('reads a bare name as true, and yes, no, on and off as booleans', () => {
    expect(configOf('rancher.debug rancher.state.wait=yes rancher.state.required=off rancher.ssh.daemon=false').config.rancher).toEqual({
      debug: true, state: { wait: true, required: false }, ssh: { daemon: false },
    });
  });

  it('reads lists in brackets, with spaces and quotes in them', () => {
    expect(configOf('rancher.state.autoformat=[/dev/sda,/dev/vda] cc.ssh_authorized_keys=["ssh-rsa AAA a b", ssh-ed25519 BBB] rancher.debug').config).toEqual({
      ssh_authorized_keys: ['ssh-rsa AAA a b', 'ssh-ed25519 BBB'],
      rancher: { state: { autoformat: ['/dev/sda', '/dev/vda'] }, debug: true },
    });
  });

  it('gathers a list from a parameter that repeats', () => {
    expect(configOf('rancher.autologin=tty1 rancher.autologin=ttyS0 rancher.autologin=[ttyS1,tty2]').config.rancher?.autologin)
      .toEqual(['tty1', 'ttyS0', 'ttyS1', 'tty2']);
  });

  it('takes the last of a parameter that is no list', () => {
    expect(configOf('cc.hostname=a cc.hostname=b').config.hostname).toBe('b');
  });

  it.each(['0123', '1e3', 'true', 'no', '~', '[abc', '{a', '0x10', "it's", 'a#b', '"', '12:34', '-', '<<', '*x', '!y', '@z', 'a=b'])(
    'keeps the password %s as it is written', (password) => {
      const { config, problems } = configOf(`rancher.password=${password} rancher.debug`);
      expect(config.rancher).toEqual({ password, debug: true });
      expect(problems).toEqual([]);
    });

  it('lets quotes protect spaces, around a value and around a whole parameter', () => {
    expect(configOf('rancher.password="two words" \'cc.hostname=box\' "rancher.modules=[a b, c]"').config).toEqual({
      hostname: 'box', rancher: { password: 'two words', modules: ['a b', 'c'] },
    });
  });

  it('reads what stands after --', () => {
    expect(configOf('panic=10 -- rancher.password=secret').config.rancher?.password).toBe('secret');
  });

  it('reads what is below a map of texts as one key', () => {
    expect(configOf('rancher.sysctl.net.ipv4.ip_forward=1 rancher.environment.A=0x1').config.rancher).toEqual({
      sysctl: { 'net.ipv4.ip_forward': '1' }, environment: { A: '0x1' },
    });
  });

  it('takes keys of parts that come later as they are', () => {
    expect(configOf('rancher.network.interfaces.eth0.dhcp=true rancher.network.interfaces.eth0.mtu=1400').config.rancher?.network).toEqual({
      interfaces: { eth0: { dhcp: true, mtu: 1400 } },
    });
  });

  it('suggests a spelling without ever showing a value', () => {
    const { config, problems } = configOf('rancher.pasword=hunter2 rancher.ssh.port=hunter2');
    expect(config.rancher).toEqual({ ssh: {} });
    expect(problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'rancher.ssh.port: expected number, received string', 'rancher.pasword: unknown key; did you mean "password"?',
    ]);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('does not let a bracket that never closes swallow the rest', () => {
    const { config, problems } = configOf('rancher.modules=[a rancher.debug');
    expect(config.rancher).toMatchObject({ debug: true });
    expect(problems).toHaveLength(1);
  });

  it('ignores keys that reach for a prototype, empty ones and absurdly long ones', () => {
    const { fragment, problems } = parseKernelCmdline(`rancher.__proto__.x=1 cc.constructor=1 rancher..a=1 rancher.a.prototype=2 rancher.${'a.'.repeat(200)}b=1 cc.${'k'.repeat(300)}=1`);
    expect(fragment).toEqual({});
    expect(problems).toHaveLength(6);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('means with settings what a RancherOS boot menu means', () => {
    const settings = settingsOf(configOf('rancher.autologin=tty1 rancher.autologin=ttyS0 rancher.password=007 rancher.state.dev=none').config);
    expect(settings).toMatchObject({ autologin: ['tty1', 'ttyS0'], password: '007', state: { device: 'none' } });
    expect(settingsOf(configOf('rancher.autologin=tty1 rancher.password=x rancher.disable=[password,autologin]').config))
      .toMatchObject({ autologin: [], password: undefined });
  });

  const fragments = fc.constantFrom('rancher.', 'cc.', 'state.', 'autologin', '=', '[', ']', '{', '}', '"', "'", ' ', '\n', '.', '__proto__', 'password', ',', '-- ', '*a', '&a', ': ', '<<', '\u0000', '\ud800', '-');

  it('never throws, touches no prototype, and holds nothing but values', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fragments, { maxLength: 60 }).map((parts) => parts.join(''))), (cmdline) => {
      const { fragment, problems } = parseKernelCmdline(cmdline);
      validate(fragment, 'kernel parameters');
      expect(Object.getPrototypeOf(fragment)).toBe(Object.prototype);
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect(problems.length).toBeLessThanOrEqual(cmdline.length + 1);
    }), { numRuns: 2000 });
  });

  it('gives back every password without spaces and quotes', () => {
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !/[\s"']/.test(text)), (password) => {
      const tree: Tree = parseKernelCmdline(`a rancher.password=${password} b`).fragment;
      expect(plainValue(tree)).toEqual({ rancher: { password } });
    }));
  });

  it('reads a megabyte of rubbish in no time', () => {
    const started = performance.now();
    for (const unit of ['rancher.a=[', 'rancher.a="', '"', "' ", 'rancher.autologin=x ', 'rancher.a={[']) parseKernelCmdline(unit.repeat(1_000_000 / unit.length));
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
