import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyOf } from '../../../../src/config/datasources/gce.ts';
import { ovfProperties } from '../../../../src/config/datasources/vmware.ts';
import type { Found } from '../../../../src/config/found.ts';
import { facts, probe, volumes } from '../../../lib/datasources.ts';
import { inTurn, startWebServer, status, type Answer, type WebServer } from '../../../lib/web-server.ts';

let web: WebServer;
beforeEach(async () => { web = await startWebServer(); });
afterEach(async () => { await web.close(); });

const ask = async (name: string, over: Parameters<typeof probe>[1] = {}): Promise<Found | undefined> => (await probe([`${name}:${web.url}`], over)).found;
const serve = (answers: Readonly<Record<string, Answer | object>>): void => {
  for (const [path, answer] of Object.entries(answers)) web.answers.set(path, typeof answer === 'object' ? JSON.stringify(answer) : answer as Answer);
};
/** Answers only who sends this header. */
const guarded = (header: string, value: string, text: string): Answer => (request, response) => {
  if (request.headers[header] === value) response.end(text);
  else response.writeHead(401).end();
};
const config = Buffer.from('#cloud-config\n');

describe('ec2', () => {
  const tree = (answer: (text: string) => Answer): Record<string, Answer> => ({
    '/latest/meta-data/instance-id': answer('i-0abc'), '/latest/meta-data/hostname': answer('ip-10-0-0-1.ec2.internal other'),
    '/latest/meta-data/public-keys/': answer('0=me\n1=her'), '/latest/meta-data/public-keys/0/openssh-key': answer('ssh-rsa A me\n'), '/latest/meta-data/public-keys/1/openssh-key': answer('ssh-rsa B her\n'),
    '/latest/user-data': answer('#cloud-config\n'),
  });
  const expected = { source: 'ec2', userData: config, metadata: { hostname: 'ip-10-0-0-1.ec2.internal', sshPublicKeys: { '000': 'ssh-rsa A me', '001': 'ssh-rsa B her' } }, problems: [] };

  it('is asked with a token (IMDSv2)', async () => {
    serve({ ...tree((text) => guarded('x-aws-ec2-metadata-token', 'TOKEN', text)), '/latest/api/token': (request, response) => {
      if (request.method === 'PUT' && request.headers['x-aws-ec2-metadata-token-ttl-seconds'] === '300') response.end('TOKEN');
      else response.writeHead(400).end();
    } });
    expect(await ask('ec2')).toEqual(expected);
  });

  it.each([[404], [405]])('is asked without one when there is none to be had (%d)', async (code) => {
    serve({ ...tree((text) => text), '/latest/api/token': status(code) });
    expect(await ask('ec2')).toEqual(expected);
  });

  it('may have no user-data and no keys', async () => {
    serve({ '/latest/meta-data/instance-id': 'i-1' });
    expect(await ask('ec2')).toEqual({ source: 'ec2', userData: undefined, metadata: { sshPublicKeys: {} }, problems: [] });
  });

  it('is not somebody who answers everything with a page', async () => {
    serve({ '/latest/api/token': '<html>', '/latest/meta-data/instance-id': '<html>log in</html>', '/latest/user-data': '<html>' });
    expect(await ask('ec2')).toBeUndefined();
  });

  it('is not half of itself: what fails is asked for again', async () => {
    serve({ ...tree((text) => text), '/latest/user-data': inTurn(status(500), status(503), '#cloud-config\n') });
    expect((await probe([`ec2:${web.url}`], { retry: true })).found?.userData).toEqual(config);
    serve({ '/latest/user-data': status(500) });
    expect((await probe([`ec2:${web.url}`])).problems.map(({ message }) => message)).toEqual([`cannot fetch "${web.url}/latest/user-data": HTTP status 500`]);
  });
});

describe('services like it', () => {
  it('aliyun has its own header, and keys in folders', async () => {
    serve({
      '/latest/api/token': 'T', '/latest/meta-data/instance-id': guarded('x-aliyun-ecs-metadata-token', 'T', 'i-bp1'), '/latest/meta-data/hostname': 'ali',
      '/latest/meta-data/public-keys/': 'skp-1/', '/latest/meta-data/public-keys/skp-1/openssh-key': 'ssh-rsa A',
    });
    expect((await ask('aliyun'))?.metadata).toEqual({ hostname: 'ali', sshPublicKeys: { '000': 'ssh-rsa A' } });
  });

  it('exoscale and cloudstack have the keys themselves in the list', async () => {
    for (const base of ['/1.0', '/latest']) {
      serve({ [`${base}/meta-data/instance-id`]: 'a-b-c', [`${base}/meta-data/local-hostname`]: 'vm', [`${base}/meta-data/public-keys`]: 'ssh-rsa A me\nssh-ed25519 B her\n', [`${base}/user-data`]: '#cloud-config\n' });
    }
    const metadata = { hostname: 'vm', sshPublicKeys: { '000': 'ssh-rsa A me', '001': 'ssh-ed25519 B her' } };
    expect(await ask('exoscale')).toEqual({ source: 'exoscale', userData: config, metadata, problems: [] });
    expect(await ask('cloudstack')).toEqual({ source: 'cloudstack', userData: config, metadata, problems: [] });
  });

  it('cloudstack is at the gateway', async () => {
    serve({ '/latest/meta-data/instance-id': 'x' });
    const { found } = await probe(['cloudstack'], { context: { gateways: async () => [web.url.replace('http://', '')] } });
    expect(found?.source).toBe('cloudstack');
  });
});

describe('gce', () => {
  const path = '/computeMetadata/v1/?recursive=true&alt=json';
  const instance = { id: 1, hostname: 'a.b.internal', attributes: { 'user-data': '#cloud-config\n', 'ssh-keys': 'me:ssh-rsa A me\nbad line\n' } };
  const project = { attributes: { 'ssh-keys': 'her:ssh-rsa B her' } };

  it('gives all of it in one answer', async () => {
    serve({ [path]: guarded('metadata-flavor', 'Google', JSON.stringify({ instance, project })) });
    expect(await ask('gce')).toEqual({ source: 'gce', userData: Buffer.from('#cloud-config'), metadata: { hostname: 'a.b.internal', sshPublicKeys: { '000': 'ssh-rsa A me', '001': 'ssh-rsa B her' } }, problems: [] });
  });

  it('may block the keys of its project, and have a start-up script or base64', async () => {
    serve({ [path]: { instance: { id: 1, attributes: { 'block-project-ssh-keys': 'TRUE', 'startup-script': '#!/bin/sh' } }, project } });
    expect(await ask('gce')).toMatchObject({ userData: Buffer.from('#!/bin/sh'), metadata: { sshPublicKeys: {} } });
    serve({ [path]: { instance: { id: 1, attributes: { 'user-data': btoa('#!/bin/sh'), 'user-data-encoding': 'base64' } } } });
    expect(await ask('gce')).toMatchObject({ userData: Buffer.from('#!/bin/sh') });
  });

  it('makes keys that end', () => {
    const line = 'me:ssh-rsa A google-ssh {"userName":"me@x","expireOn":"2030-01-01T00:00:00+0000"}';
    expect(keyOf(line, new Date('2029-12-31'))).toBe(line.slice(3));
    expect(keyOf(line, new Date('2030-01-02'))).toBeUndefined();
    expect(keyOf('no key', new Date())).toBeUndefined();
  });
});

describe('other clouds', () => {
  it('digitalocean', async () => {
    serve({ '/metadata/v1.json': {
      droplet_id: 1, hostname: 'drop', public_keys: ['ssh-rsa A'], user_data: '#cloud-config', dns: { nameservers: ['67.207.67.2'] },
      interfaces: {
        public: [{ mac: '04:01:00:00:00:01', type: 'public', ipv4: { ip_address: '192.0.2.5', netmask: '255.255.240.0', gateway: '192.0.2.1' }, anchor_ipv4: { ip_address: '10.10.0.5', netmask: '255.255.0.0', gateway: '10.10.0.1' }, ipv6: { ip_address: '2001:db8::5', cidr: 64, gateway: '2001:db8::1' } }],
        private: [{ mac: '04:01:00:00:00:02', type: 'private', ipv4: { ip_address: '10.132.0.5', netmask: '255.255.0.0', gateway: '10.132.0.1' } }],
      },
    } });
    expect(await ask('digitalocean')).toEqual({
      source: 'digitalocean', userData: Buffer.from('#cloud-config'), problems: [],
      metadata: {
        hostname: 'drop', sshPublicKeys: { '000': 'ssh-rsa A' },
        network: {
          interfaces: {
            'mac=04:01:00:00:00:01': { dhcp: false, addresses: ['192.0.2.5/20', '10.10.0.5/16', '2001:db8::5/64'], gateway: '192.0.2.1', gateway_ipv6: '2001:db8::1' },
            'mac=04:01:00:00:00:02': { dhcp: false, addresses: ['10.132.0.5/16'] },
          },
          dns: { nameservers: ['67.207.67.2'] },
        },
      },
    });
  });

  it('openstack', async () => {
    serve({ '/openstack/latest/meta_data.json': { hostname: 'nova', public_keys: { k: 'ssh-rsa A' } }, '/openstack/latest/user_data': '#cloud-config\n' });
    expect(await ask('openstack')).toEqual({ source: 'openstack', userData: config, metadata: { hostname: 'nova', sshPublicKeys: { k: 'ssh-rsa A' } }, problems: [] });
    serve({ '/openstack/latest/user_data': status(500) });
    expect(await ask('openstack')).toBeUndefined();
    serve({ '/openstack/latest/meta_data.json': '<html>' });
    expect((await probe([`openstack:${web.url}`])).tried).toEqual([{ source: `openstack:${web.url}`, result: 'nothing here' }]);
  });

  it('packet', async () => {
    serve({ '/metadata': { id: 'x', hostname: 'metal', ssh_keys: ['ssh-rsa A'], network: { bonding: { mode: 4 } } }, '/userdata': '#cloud-config\n' });
    expect(await ask('packet')).toEqual({ source: 'packet', userData: config, metadata: { hostname: 'metal', sshPublicKeys: { '000': 'ssh-rsa A' } }, problems: [] });
  });

  it('azure', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ros-azure-'));
    try {
      serve({ '/metadata/instance?api-version=2021-02-01&format=json': guarded('metadata', 'true', JSON.stringify({
        compute: { name: 'vm', osProfile: { computerName: 'azure-1' }, publicKeys: [{ keyData: 'ssh-rsa A\r\n' }], userData: btoa('#!/bin/sh') },
      })) });
      expect(await ask('azure')).toEqual({ source: 'azure', userData: Buffer.from('#!/bin/sh'), metadata: { hostname: 'azure-1', sshPublicKeys: { '000': 'ssh-rsa A' } }, problems: [] });
      writeFileSync(join(folder, 'ovf-env.xml'), `<x:Environment><x:CustomData>${btoa('#cloud-config\n')}</x:CustomData></x:Environment>`);
      const disc = volumes(folder);
      expect((await ask('azure', { context: { volumes: disc } }))?.userData).toEqual(config);
      expect(disc.log).toEqual(['mount /dev/sr0 udf', 'unmount /dev/sr0']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('vmware', () => {
  const info = (values: Readonly<Record<string, string>>) => ({ facts: facts({ vendor: 'VMware, Inc.' }), guestInfo: async (key: string) => values[key] });
  const found = async (values: Readonly<Record<string, string>>) => (await probe(['vmware'], { context: info(values) })).found;

  it('gives what RancherOS read', async () => {
    expect(await found({
      hostname: 'esx-vm', 'cloud-init.config.data': gzipSync('#cloud-config\n').toString('base64'), 'cloud-init.data.encoding': 'gzip+base64',
      'interface.0.mac': '00:50:56:00:00:01', 'interface.0.dhcp': 'no', 'interface.0.ip.0.address': '10.0.0.5/24', 'interface.0.route.0.gateway': '10.0.0.1',
      'interface.1.name': 'eth1', 'interface.1.dhcp': 'yes', 'dns.server.0': '10.0.0.2', 'dns.domain.0': 'lan',
    })).toEqual({
      source: 'vmware guestinfo', userData: config, problems: [],
      metadata: {
        hostname: 'esx-vm', sshPublicKeys: {},
        network: { interfaces: { 'mac=00:50:56:00:00:01': { dhcp: false, addresses: ['10.0.0.5/24'], gateway: '10.0.0.1' }, eth1: { dhcp: true } }, dns: { nameservers: ['10.0.0.2'], search: ['lan'] } },
      },
    });
  });

  it('gives what cloud-init reads', async () => {
    const metadata = btoa('local-hostname: vm\nnetwork: { version: 2, ethernets: { eth0: { dhcp4: true } } }\n');
    expect(await found({ userdata: btoa('#!/bin/sh'), 'userdata.encoding': 'base64', metadata, 'metadata.encoding': 'b64' })).toMatchObject({
      userData: Buffer.from('#!/bin/sh'), metadata: { hostname: 'vm', network: { interfaces: { eth0: { dhcp: true } } } },
    });
  });

  it('gives the properties of an OVF package', async () => {
    const ovfEnv = '<Environment xmlns:oe="x"><PropertySection><Property oe:key="guestinfo.hostname" oe:value="from-ovf"/><Property oe:value="#cloud-config&#10;a: &quot;&lt;&amp;&quot;" oe:key="guestinfo.cloud-init.config.data"/></PropertySection></Environment>';
    expect(ovfProperties(ovfEnv)).toEqual(new Map([['hostname', 'from-ovf'], ['cloud-init.config.data', '#cloud-config\na: "<&"']]));
    expect(await found({ ovfEnv })).toMatchObject({ userData: Buffer.from('#cloud-config\na: "<&"'), metadata: { hostname: 'from-ovf' } });
  });

  it('fetches what a URL in it names', async () => {
    serve({ '/cc?t=secret': '#cloud-config\n' });
    expect(await found({ 'cloud-init.config.url': `${web.url}/cc?t=secret` })).toMatchObject({ source: `vmware guestinfo ${web.url}/cc`, userData: config });
  });

  it('is not asked on another hypervisor, and says when data is damaged', async () => {
    const guestInfo = async () => { throw new Error('must not be asked'); };
    expect(await probe(['vmware'], { context: { guestInfo } })).toMatchObject({ found: undefined, problems: [] });
    const { problems } = await probe(['vmware'], { context: info({ userdata: 'AAAA', 'userdata.encoding': 'gzip+base64' }) });
    expect(problems.map(({ message }) => message)).toContain('cannot read guestinfo "userdata": it is not gzip, damaged or too large');
  });
});

describe('a URL', () => {
  it('is asked for user-data, and shown without what may be secret', async () => {
    serve({ '/cc?token=hunter2': '#cloud-config\n' });
    const url = `${web.url.replace('//', '//joe:pw@')}/cc?token=hunter2`;
    expect(await probe([`url:${url}`])).toMatchObject({ source: `url:${web.url}/cc`, found: { source: `url ${web.url}/cc`, userData: config } });
    const { tried, problems } = await probe([`url:${url}x`]);
    expect(JSON.stringify([tried, problems])).not.toMatch(/hunter2|pw@/);
    expect(problems.map(({ message }) => message)).toEqual([`cannot fetch "${web.url}/cc": there is no such file`]);
  });

  it('may stand among the kernel parameters', async () => {
    serve({ '/b': '#cloud-config\n' });
    const over = { context: { facts: facts({}, `quiet cloud-config-url=${web.url}/a cloud-config-url="${web.url}/b" -- x`) } };
    expect((await probe(['cmdline'], over)).found?.source).toBe(`cmdline ${web.url}/b`);
  });

  it('may be where a seed of NoCloud is', async () => {
    serve({ '/seed/user-data': '#cloud-config\n', '/seed/meta-data': 'instance-id: i\n' });
    const over = { context: { facts: facts({ serial: `ds=nocloud-net;s=${web.url}/seed/;h=named` }) } };
    expect((await probe(['nocloud'], over)).found).toMatchObject({ source: 'nocloud over the network', userData: config, metadata: { hostname: 'named' } });
  });

  it.each<[string, Answer, string]>([
    ['hangs', () => undefined, 'no answer within 0.3 s'], ['redirects for ever', status(302, { location: '/cc' }), 'it redirects more than 5 times'],
    ['answers 500', status(500), 'HTTP status 500'], ['leads to a file', status(302, { location: 'file:///etc/shadow' }), 'it redirects to "file:", not with http: or https:'],
    ['sends too much', (_request, response) => { response.end(Buffer.alloc(3_000_000)); }, 'it is larger than 2097152 bytes'],
    ['trickles', (_request, response) => { const timer = setInterval(() => { response.write('x'); }, 20); response.on('close', () => { clearInterval(timer); }); }, 'no answer within 0.3 s'],
  ])('of a server that %s is given up in bounded time', async (_name, answer, why) => {
    serve({ '/cc': answer });
    const started = performance.now();
    const { found, tried } = await probe([`url:${web.url}/cc`], { retry: true, pauseMs: 50, timeoutMs: 300 });
    expect(found).toBeUndefined();
    expect(tried[0]?.result).toContain(why);
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
