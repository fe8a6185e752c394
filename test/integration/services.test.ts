/** The system containers' own scripts and settings, run in the images that were built. What needs a machine is in test/boot. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseManifest } from '../../src/services/define.ts';
import { ImageRoot } from './services/image-root.ts';

const folder = join(import.meta.dirname, '../../system-services');
const services = readdirSync(folder).filter((name) => !name.startsWith('_'));

describe.each(services)('%s', (name) => {
  const definitions = parseManifest(readFileSync(join(folder, name, 'service.yml'), 'utf8'), name, { VERSION: 'v1' });

  test('is one system service of the name of its folder, made from the image of that name', () => {
    expect(definitions.map((one) => ({ name: one.name, scope: one.scope, image: one.image }))).toEqual([{ name, scope: 'system', image: `corralos/${name}:v1` }]);
  });

  test('says why it has its privileges', () => {
    expect(existsSync(join(folder, name, 'README.md'))).toBe(true);
    const readme = readFileSync(join(folder, name, 'README.md'), 'utf8');
    const [definition] = definitions;
    for (const capability of definition?.capAdd ?? []) expect(readme).toContain(capability);
    if (definition?.privileged === true) expect(readme.toLowerCase()).toContain('privileged');
  });

  test('gives up every capability that it does not name, unless it is privileged', () => {
    const [definition] = definitions;
    expect(definition?.privileged === true || definition?.capDrop.includes('ALL')).toBe(true);
  });
});

describe('syslog', () => {
  test('keeps three files of ten megabytes, whatever is sent', async () => {
    using image = new ImageRoot('syslog');
    await image.run(`
      mkdir -p /run/syslog /var/lib/rsyslog && ln -s /run/syslog/log /dev/log
      sed -i '/imkmsg/d' /etc/rsyslog.conf
      rsyslogd -n -iNONE & daemon=$!
      until [ -S /run/syslog/log ]; do sleep 0.1; done
      line=$(head -c 900 /dev/zero | tr '\\0' x)
      # a sender may say a thousand lines in five seconds, so there are many
      for sender in $(seq 45); do
        i=0; while [ $i -lt 900 ]; do echo "$line"; i=$((i + 1)); done | logger -t "sender-$sender"
      done
      logger -t last the-last-line
      until grep -q the-last-line /var/log/syslog; do sleep 0.1; done
      kill $daemon; wait $daemon || true
    `);
    expect(image.read('/var/log/syslog')).toContain('the-last-line');
    for (const file of ['/var/log/syslog', '/var/log/syslog.1', '/var/log/syslog.2']) expect(image.stat(file).size).toBeLessThan(10.6 * 1024 * 1024);
    expect(image.stat('/var/log/syslog.2').size).toBeGreaterThan(9 * 1024 * 1024);
    expect(image.has('/var/log/syslog.3')).toBe(false);
  });
});

describe('network', () => {
  /** As dhcpcd calls it: everything in the environment. */
  const hook = async (image: ImageRoot, reason: string, variables: Readonly<Record<string, string>> = {}): Promise<string> =>
    image.run('mkdir -p /run/corral-net /run/etc /run/chrony-dhcp; exec /usr/lib/corral/dhcpcd-hook', { interface: 'eth0', reason, ...variables });

  test('writes the name servers of every interface, each once, and replaces the file in one step', async () => {
    using image = new ImageRoot('network');
    image.write('/run/etc/resolv.conf', '');
    const before = image.stat('/run/etc/resolv.conf').inode;
    await hook(image, 'BOUND', { new_domain_name_servers: '10.0.0.1 10.0.0.2', new_domain_name: 'example.org' });
    await hook(image, 'BOUND', { interface: 'eth1', new_domain_name_servers: '10.0.0.2 10.0.0.3' });
    await hook(image, 'ROUTERADVERT', { nd1_addr1: 'fd00::2', nd1_rdnss1_servers: 'fd00::1' });
    expect(image.read('/run/etc/resolv.conf').split('\n').slice(1)).toEqual(['search example.org', ...['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1'].map((server) => `nameserver ${server}`), '']);
    expect(image.stat('/run/etc/resolv.conf').inode).not.toBe(before);
    await hook(image, 'EXPIRE');
    expect(image.read('/run/etc/resolv.conf')).not.toContain('10.0.0.1');
  });

  test('leaves the last name servers in place when none are left', async () => {
    using image = new ImageRoot('network');
    image.write('/run/etc/resolv.conf', 'nameserver 192.0.2.1\n');
    await hook(image, 'BOUND');
    await hook(image, 'NOCARRIER');
    expect(image.read('/run/etc/resolv.conf')).toBe('nameserver 192.0.2.1\n');
  });

  test.each([
    ['default', 'box.example.org', 'box'],
    ['config', 'box.example.org', undefined],
    ['default', '-rf', undefined],
    ['default', 'a b', undefined],
    ['default', '$(reboot)', undefined],
    ['default', 'localhost', undefined],
  ])('with a hostname by %s, "%s" from DHCP makes it %s', async (source, offered, expected) => {
    using image = new ImageRoot('network');
    image.write('/run/etc/hostname.source', `${source}\n`);
    image.write('/run/etc/hosts', '127.0.0.1 localhost\n127.0.1.1 corral\n');
    image.write('/run/kernel-hostname', '');
    await hook(image, 'BOUND', { new_host_name: offered });
    expect(image.read('/run/kernel-hostname')).toBe(expected === undefined ? '' : `${expected}\n`);
    expect(image.read('/run/etc/hosts')).toBe(`127.0.0.1 localhost\n127.0.1.1 ${expected ?? 'corral'}\n`);
  });

  test('hands the NTP servers on and wakes the one who waits for them', async () => {
    using image = new ImageRoot('network');
    const heard = await image.run(`
      mkdir -p /run/corral-net /run/etc /run/chrony-dhcp && mkfifo /run/chrony-dhcp/changed
      (read -r line </run/chrony-dhcp/changed && echo "heard $line") & reader=$!
      interface=eth0 reason=BOUND new_ntp_servers='10.0.0.5 10.0.0.6' /usr/lib/corral/dhcpcd-hook
      wait $reader
    `);
    expect(heard).toContain('heard changed');
    expect(image.read('/run/chrony-dhcp/eth0.sources')).toBe('server 10.0.0.5 iburst\nserver 10.0.0.6 iburst\n');
    await hook(image, 'EXPIRE');
    expect(image.has('/run/chrony-dhcp/eth0.sources')).toBe(false);
  });
});

describe('ntp', () => {
  test('asks whom the configuration says, else whom the environment says, else the pool', async () => {
    using image = new ImageRoot('ntp');
    const sources = async (): Promise<string> => {
      await image.run('PATH=/stubs:$PATH; mkdir -p /stubs /run/chrony-dhcp /var/lib/chrony; printf "#!/bin/sh\\n" >/stubs/chown; chmod 755 /stubs/chown; sed "s/^exec.*/exit 0/" /usr/lib/corral/ntp-init >/init; NTP_SERVERS="a.example pool.example" sh /init');
      return image.read('/run/chrony-conf/configured.sources');
    };
    expect(await sources()).toBe('server a.example iburst\npool pool.example iburst maxsources 1\n');
    image.write('/run/etc/chrony.sources', 'server 10.0.0.1 iburst\n');
    expect(await sources()).toBe('server 10.0.0.1 iburst\n');
  });

  test('chronyd takes its settings', async () => {
    using image = new ImageRoot('ntp');
    const settings = await image.run('mkdir -p /run/chrony-conf && chronyd -p -f /etc/chrony/chrony.conf');
    expect(settings).toContain('makestep 1 3');
  });
});

describe('console', () => {
  const refresh = async (image: ImageRoot): Promise<string> => image.run('mkdir -p /run/corral-console; exec /usr/lib/corral/console-refresh');

  test('accepts passwords only when there is one', async () => {
    using image = new ImageRoot('console');
    await refresh(image);
    expect(image.read('/etc/ssh/sshd_config.d/console.conf')).toBe('PasswordAuthentication no\n');
    expect(image.read('/etc/shadow')).toContain('rancher:*:');
    image.write('/run/ros/console/password', 'rancher:a secret: with a colon\n');
    await refresh(image);
    expect(image.read('/etc/ssh/sshd_config.d/console.conf')).toBe('PasswordAuthentication yes\n');
    expect(image.read('/etc/shadow')).toMatch(/^rancher:\$y\$/m);
  });

  test('takes a hash for a password as it is', async () => {
    using image = new ImageRoot('console');
    image.write('/run/ros/console/password', 'rancher:$6$salt$abcdef\n');
    await refresh(image);
    expect(image.read('/etc/shadow')).toContain('rancher:$6$salt$abcdef:');
  });

  test('puts the users of the configuration in place once, and sshd lets them in', async () => {
    using image = new ImageRoot('console');
    const accounts = { passwd: 'bob:x:2000:2000::/home/bob:/bin/bash\n', group: 'bob:x:2000:\n', shadow: 'bob:*:20000:0:99999:7:::\n' };
    for (const [name, line] of Object.entries(accounts)) image.write(`/run/ros/console/accounts/${name}`, image.read(`/etc/${name}`) + line);
    image.write('/run/ros/console/accounts/sudoers', 'bob ALL=(ALL) NOPASSWD:ALL\n');
    image.write('/run/ros/console/sshd.conf', 'Port 2222\nAllowUsers bob\n');
    const said = await image.run(`
      mkdir -p /run/corral-console /run/sshd
      chown -R 0:0 /run/ros /etc/sudoers /usr/bin/sudo; chown 0:42 /run/ros/console/accounts/shadow; chmod 640 /run/ros/console/accounts/shadow
      /usr/lib/corral/console-refresh
      chmod 4755 /usr/bin/sudo; chmod 440 /etc/sudoers /etc/sudoers.d/*; mkdir -p /home/bob
      id bob; su bob -c 'sudo -n id -u'; stat -c '%a %g' /etc/shadow
      ls /run/ros/console /etc/.accounts 2>/dev/null | grep accounts || true
      /usr/lib/corral/ssh-host-keys; sshd -T | grep -E '^(port|allowusers|passwordauth)'
    `);
    expect(said).toContain('uid=2000(bob) gid=2000(bob)');
    expect(said).toContain('\n0\n640 42\nport 2222\n');
    expect(said).toContain('passwordauthentication no\nallowusers bob\nallowusers rancher\nallowusers docker');
  });

  test('has no sshd where there is to be none, and has it again', async () => {
    using image = new ImageRoot('console');
    image.write('/run/ros/console/sshd.off', '');
    await refresh(image);
    expect(image.has('/etc/service/sshd/down')).toBe(true);
    await image.run('rm /run/ros/console/sshd.off; /usr/lib/corral/console-refresh');
    expect(await image.run('ls /etc/service/sshd')).toBe('finish\nrun\n');
  });

  test('has a host key only when it is whole, keeps it, and replaces one that nobody can read', async () => {
    using image = new ImageRoot('console');
    await image.run('/usr/lib/corral/ssh-host-keys');
    const key = '/var/lib/rancher/ssh/ssh_host_ed25519_key';
    const first = image.read(key);
    expect(image.stat(key).mode).toBe(0o600);
    await image.run('/usr/lib/corral/ssh-host-keys verify');
    expect(image.read(key)).toBe(first);
    image.write(key, 'half a k');
    await image.run('/usr/lib/corral/ssh-host-keys verify');
    expect(image.read(key)).toContain('BEGIN OPENSSH PRIVATE KEY');
    expect(image.read(`${key}.broken`)).toBe('half a k');
  });

  test('sshd lets rancher and docker in by key, and root never', async () => {
    using image = new ImageRoot('console');
    const settings = await image.run('mkdir -p /run/sshd; /usr/lib/corral/ssh-host-keys; sshd -T');
    expect(settings).toContain('permitrootlogin no');
    expect(settings).toContain('allowusers rancher\nallowusers docker');
    expect(settings).toContain('passwordauthentication no');
    expect(settings).toContain('authorizedkeyscommand /usr/bin/cat /run/ros/console/authorized_keys.d/%u');
  });

  test('rancher becomes root by sudo without a password, and is in the groups that open the sockets', async () => {
    using image = new ImageRoot('console');
    expect(await image.run(`chown -R 0:0 /etc/sudoers /usr/bin/sudo; chmod 4755 /usr/bin/sudo; su rancher -c 'sudo -n id -u; id -Gn'`)).toBe('0\nrancher sudo docker ros\n');
  });

  test('a link that a user container left as a home makes its target nobody\'s', async () => {
    using image = new ImageRoot('console');
    const owner = await image.run(`
      mkdir -p /run/etc /run/ros/console && ln -s /etc/shadow /home/rancher
      PATH=/stubs:$PATH; mkdir /stubs; for name in mount runsvdir; do echo '#!/bin/sh' >/stubs/$name; chmod 755 /stubs/$name; done
      /usr/lib/corral/console-init >/dev/null 2>&1
      stat -c %u /etc/shadow
    `);
    expect(owner).toBe('0\n');
  });

  test('bash reads its completions on the first Tab, those of ros and docker among them', async () => {
    using image = new ImageRoot('console');
    const known = await image.run(`bash --norc -ic '
      . /etc/bash.bashrc; _load_completion || true
      for name in ros docker; do _comp_load $name; complete -p $name; done' 2>/dev/null`);
    expect(known).toMatch(/_ros ros\n.*docker/);
  });
});

describe('docker', () => {
  test('the daemon\'s log keeps three files of ten megabytes', async () => {
    using image = new ImageRoot('docker');
    await image.run(`
      line=$(head -c 999 /dev/zero | tr '\\0' x)
      i=0; while [ $i -lt 36000 ]; do echo "$line"; i=$((i + 1)); done | /usr/lib/corral/bounded-log /var/log/docker.log
    `);
    const sizes = ['', '.1', '.2'].map((suffix) => image.stat(`/var/log/docker.log${suffix}`).size);
    for (const size of sizes) expect(size).toBeLessThan(10.6 * 1024 * 1024);
    expect(sizes[2]).toBeGreaterThan(9 * 1024 * 1024);
    expect(image.has('/var/log/docker.log.3')).toBe(false);
  });

  test('the daemon\'s log goes on where the last one ended', async () => {
    using image = new ImageRoot('docker');
    await image.run('echo one | /usr/lib/corral/bounded-log /var/log/docker.log; echo two | /usr/lib/corral/bounded-log /var/log/docker.log');
    expect(image.read('/var/log/docker.log')).toBe('one\ntwo\n');
  });
});
