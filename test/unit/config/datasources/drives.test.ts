import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seedOf } from '../../../../src/config/datasources/nocloud.ts';
import { context, facts, probe, volumes } from '../../../lib/datasources.ts';

let root = '';
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'ros-drive-')); });
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

function put(path: string, data: string | Uint8Array | object): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), typeof data === 'string' || data instanceof Uint8Array ? data : JSON.stringify(data));
}

describe('the config drive', () => {
  it.each(['config-2', 'CONFIG-2'])('gives user-data, host name and keys from the volume %s, and unmounts it', async (label) => {
    put('openstack/latest/user_data', '#cloud-config\nhostname: x\n');
    put('openstack/latest/meta_data.json', { hostname: 'meta', public_keys: { me: 'ssh-rsa A', odd: 3 }, uuid: 'u' });
    const drive = volumes(root, [label]);
    const { found, problems } = await probe(['configdrive:/media/config-2'], { context: { volumes: drive } });
    expect(problems).toEqual([]);
    expect(found).toEqual({ source: 'configdrive on /dev/sr0', userData: Buffer.from('#cloud-config\nhostname: x\n'), metadata: { hostname: 'meta', sshPublicKeys: { me: 'ssh-rsa A' } }, problems: [] });
    expect(drive.log).toEqual(['mount /dev/sr0', 'unmount /dev/sr0']);
  });

  it('may be a folder that the host shares', async () => {
    put('openstack/latest/user_data', '#!/bin/sh\n');
    const share = volumes(root, [], ['config-2']);
    expect((await probe(['configdrive'], { context: { volumes: share } })).found?.source).toBe('configdrive, a shared folder');
    expect(share.log).toEqual(['mount config-2 9p', 'unmount config-2']);
  });

  it('gives the network that network_data.json describes', async () => {
    put('openstack/latest/network_data.json', {
      links: [
        { id: 'a', type: 'ovs', ethernet_mac_address: 'FA:16:3E:00:00:01', mtu: 1450 }, { id: 'b', type: 'phy', ethernet_mac_address: 'fa:16:3e:00:00:02' },
        { id: 'c', type: 'bond', ethernet_mac_address: 'fa:16:3e:00:00:03' },
      ],
      networks: [
        { link: 'a', type: 'ipv4', ip_address: '10.0.0.5', netmask: '255.255.255.0', routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' }, { network: '10.9.0.0', gateway: '10.0.0.9' }] },
        { link: 'a', type: 'ipv6', ip_address: '2001:db8::5', netmask: '64', gateway: '2001:db8::1' },
        { link: 'b', type: 'ipv4_dhcp' }, { link: 'c', type: 'ipv4_dhcp' },
      ],
      services: [{ type: 'dns', address: '10.0.0.2' }, { type: 'dns', address: 'not an address' }],
    });
    const { found } = await probe(['configdrive'], { context: { volumes: volumes(root, ['config-2']) } });
    expect(found?.metadata).toEqual({
      sshPublicKeys: {},
      network: {
        interfaces: {
          'mac=fa:16:3e:00:00:01': { dhcp: false, addresses: ['10.0.0.5/24', '2001:db8::5/64'], gateway: '10.0.0.1', gateway_ipv6: '2001:db8::1', mtu: 1450 },
          'mac=fa:16:3e:00:00:02': { dhcp: true },
        },
        dns: { nameservers: ['10.0.0.2'] },
      },
    });
  });

  it('is not there when no volume has its label', async () => {
    expect(await probe(['configdrive'], { context: { volumes: volumes(root, ['other']) } })).toMatchObject({ found: undefined, problems: [] });
  });

  it('may lack either file or hold rubbish', async () => {
    put('openstack/latest/meta_data.json', '[1');
    put('openstack/latest/user_data', new Uint8Array(2_000_000));
    const { found } = await probe(['configdrive'], { context: { volumes: volumes(root, ['config-2']) } });
    expect(found?.metadata).toBeUndefined();
    expect(found?.userData).toBeUndefined();
    expect(found?.problems.map(({ message }) => message)).toEqual([
      `cannot read file "${root}/openstack/latest/user_data": it is larger than 1048576 bytes`, 'it is not a JSON object; not used',
    ]);
  });

  it('is reported when it cannot be mounted', async () => {
    expect((await probe(['configdrive'], { context: { volumes: volumes('', ['config-2']) } })).problems).toEqual([{ severity: 'error', source: 'datasource configdrive', message: 'no such device' }]);
  });
});

describe('NoCloud', () => {
  const nocloud = async () => (await probe(['nocloud'], { context: { volumes: volumes(root, ['cidata']) } })).found;

  it('gives user-data and what meta-data says', async () => {
    put('user-data', '#cloud-config\n');
    put('meta-data', 'instance-id: i-1\nlocal-hostname: node1\npublic-keys:\n  - ssh-rsa A\n  - ssh-rsa B\n');
    expect(await nocloud()).toEqual({ source: 'nocloud on /dev/sr0', userData: Buffer.from('#cloud-config\n'), metadata: { hostname: 'node1', sshPublicKeys: { '000': 'ssh-rsa A', '001': 'ssh-rsa B' } }, problems: [] });
  });

  it.each([
    ['a map of keys by number', 'public-keys: {"0": {openssh-key: ssh-rsa A}}', { 0: 'ssh-rsa A' }], ['a map of keys by name', 'public-keys: {me: ssh-rsa A}', { me: 'ssh-rsa A' }],
    ['a text with a key a line', 'public-keys: |\n  ssh-rsa A\n  ssh-rsa B\n', { '000': 'ssh-rsa A', '001': 'ssh-rsa B' }], ['rubbish', 'public-keys: 7', {}],
  ])('understands %s', async (_name, text, sshPublicKeys) => {
    put('meta-data', `${text}\n`);
    expect((await nocloud())?.metadata).toEqual({ sshPublicKeys });
  });

  it('understands network-config version 1, as Proxmox writes it', async () => {
    put('network-config', `version: 1
config:
    - type: physical
      name: eth0
      mac_address: 'bc:24:11:00:00:01'
      subnets:
      - type: static
        address: '192.168.1.20'
        netmask: '255.255.255.0'
        gateway: '192.168.1.1'
    - type: physical
      name: eth1
      subnets:
      - type: dhcp4
    - type: nameserver
      address: ['192.168.1.2']
      search: ['example.org']
    - type: vlan
      name: eth0.5
`);
    const found = await nocloud();
    expect(found?.metadata?.network).toEqual({
      interfaces: { 'mac=bc:24:11:00:00:01': { dhcp: false, addresses: ['192.168.1.20/24'], gateway: '192.168.1.1' }, eth1: { dhcp: true } },
      dns: { nameservers: ['192.168.1.2'], search: ['example.org'] },
    });
    expect(found?.problems).toEqual([{ severity: 'warning', source: 'network-config of nocloud on /dev/sr0', message: 'not active yet: vlan' }]);
  });

  it('understands network-config version 2', async () => {
    put('network-config', `network:
  version: 2
  ethernets:
    eth0:
      dhcp4: true
      mtu: 1400
    lan:
      match: { macaddress: 52:54:00:00:00:02 }
      addresses: [10.1.0.2/16, "2001:db8::2/64", nonsense]
      routes: [{ to: default, via: 10.1.0.1 }, { to: "::/0", via: "2001:db8::1" }, { to: 10.2.0.0/16, via: 10.1.0.9 }]
      nameservers: { addresses: [10.1.0.3], search: [lan] }
  bridges: { br0: { interfaces: [lan] } }
`);
    const found = await nocloud();
    expect(found?.metadata?.network).toEqual({
      interfaces: {
        eth0: { dhcp: true, mtu: 1400 },
        'mac=52:54:00:00:00:02': { dhcp: false, addresses: ['10.1.0.2/16', '2001:db8::2/64'], gateway: '10.1.0.1', gateway_ipv6: '2001:db8::1' },
      },
      dns: { nameservers: ['10.1.0.3'], search: ['lan'] },
    });
    expect(found?.problems.map(({ message }) => message)).toEqual(['not active yet: bridges']);
  });

  it.each([['version: 7\n', 'its version is neither 1 nor 2'], ['config: disabled\n', 'it turns network configuration off']])('uses none of the network-config %j', async (text, message) => {
    put('network-config', text);
    expect((await nocloud())?.metadata).toBeUndefined();
    expect((await nocloud())?.problems.map((problem) => problem.message)).toEqual([message]);
  });

  it('loses only the file that is broken', async () => {
    put('user-data', '#cloud-config\n');
    put('meta-data', 'local-hostname: [\n');
    put('network-config', '{{{{');
    const found = await nocloud();
    expect(found).toMatchObject({ userData: Buffer.from('#cloud-config\n'), metadata: undefined });
    expect(found?.problems.map(({ source }) => source)).toEqual(['meta-data of nocloud on /dev/sr0', 'network-config of nocloud on /dev/sr0']);
  });

  it('is nothing when the volume is about something else', async () => {
    put('readme.txt', 'hello');
    expect(await nocloud()).toBeUndefined();
  });

  it('of Proxmox is in the CD drive whatever its label is', async () => {
    put('user-data', '#cloud-config\n');
    const found = async (labels: readonly string[]) => (await probe(['proxmox:/media/pve-config'], { context: { volumes: volumes(root, labels) } })).found?.source;
    expect(await found(['cidata'])).toBe('proxmox on /dev/sr0');
    expect(await found([])).toBe('proxmox on /dev/sr0');
    expect((await probe(['proxmox'])).problems).toEqual([]);
  });

  it('is in a folder that the serial number names', async () => {
    put('user-data', '#!/bin/sh\n');
    const seed = context({ facts: facts({ serial: `ds=nocloud;s=file://${root}/` }) });
    expect((await probe(['nocloud'], { context: seed })).found?.userData).toEqual(Buffer.from('#!/bin/sh\n'));
  });
});

describe('a seed', () => {
  it.each([
    ['', 'quiet ds=nocloud;s=http://h/p/;h=node1 x', { url: 'http://h/p/', hostname: 'node1' }], ['', 'ds=nocloud-net;seedfrom=https://h/', { url: 'https://h/' }],
    ['ds=nocloud;s=/seed', '', { folder: '/seed' }], ['', 'ds=nocloud', {}], ['', 'ds=ec2;s=http://h', {}], ['', 'ids=nocloud;s=http://h/', {}],
  ])('is read from serial number "%s" and kernel parameters "%s"', (serial, cmdline, seed) => { expect(seedOf(facts({ serial }, cmdline))).toEqual(seed); });
});

describe('other places of this machine', () => {
  it('are a file, QEMU\'s fw_cfg and the SMBIOS table', async () => {
    put('cc.yml', '#cloud-config\n');
    expect((await probe([`file:${root}/cc.yml`])).found).toMatchObject({ source: `file ${root}/cc.yml`, userData: Buffer.from('#cloud-config\n') });
    expect((await probe([`file:${root}/none.yml`])).found).toBeUndefined();
    const firmwareFile = async (name: string) => (name === 'opt/org.corralos/config' ? Buffer.from('#!/bin/sh') : undefined);
    expect((await probe(['fw_cfg'], { context: { firmwareFile } })).found?.userData).toEqual(Buffer.from('#!/bin/sh'));
    for (const text of ['org.corralos.config=#cloud-config\na: =1', `org.corralos.config.base64=${btoa('#cloud-config\na: =1')}`]) {
      expect((await probe(['smbios'], { context: { facts: facts({ oemStrings: ['other=1', text] }) } })).found?.userData).toEqual(Buffer.from('#cloud-config\na: =1'));
    }
    expect((await probe(['smbios', 'fw_cfg'])).found).toBeUndefined();
  });
});
