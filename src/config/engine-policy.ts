/** Which flags of an engine are the user's to choose, which are the system's, and what values make no sense at all. Pure. */
import { truth, type Flag } from './engine-words.ts';

export type EngineName = 'system-docker' | 'docker';

/** An option that is not used. Never holds a value: that may be a secret. */
export interface Refusal { readonly what: string; readonly why: string }

/** What dockerd does with a flag that is not passed on: nothing to tell (`drop`), or why it is not used. */
export type Verdict = { readonly kind: 'take' | 'at boot' | 'drop' } | { readonly kind: 'refuse'; readonly why: string };

const bySystem = 'it is set by the system';

/**
 * All that System Docker takes: it runs the system itself, and every other flag could leave the machine without its containers.
 * Drivers of logs are not among them: system containers have their own, bounded.
 */
const systemTakes: ReadonlySet<string> = new Set([
  'allow-nondistributable-artifacts', 'debug', 'http-proxy', 'https-proxy', 'insecure-registry', 'label', 'log-format', 'log-level', 'max-concurrent-downloads',
  'max-concurrent-uploads', 'max-download-attempts', 'no-proxy', 'raw-logs', 'registry-mirror',
]);

/** What the system sets, or RancherOS set when nobody said anything: not worth a word. */
const same: Readonly<Record<EngineName, Readonly<Record<string, RegExp>>>> = {
  'system-docker': {
    bip: /^172\.18\.42\.1\/16$/, bridge: /^none$/, 'config-file': /^\/etc\/docker\/system-docker\.json$/, containerd: /^\/run\/containerd\//,
    'data-root': /^\/var\/lib\/system-docker\/?$/, 'exec-root': /^\/(?:var\/)?run\/system-docker\/?$/, group: /^root$/, host: /^unix:\/\/\/(?:var\/)?run\/system-docker\.sock$/,
    'log-driver': /^json-file$/, 'log-opt': /^(?:max-size=25m|max-file=2)$/, pidfile: /^\/(?:var\/)?run\/system-docker\.pid$/, 'storage-driver': /^overlay2$/,
  },
  docker: {
    'cgroup-parent': /^$/, 'data-root': /^\/var\/lib\/(?:user-)?docker\/?$/, 'exec-opt': /^native\.cgroupdriver=cgroupfs$/, 'exec-root': /^\/(?:var\/)?run\/docker\/?$/,
    group: /^(?:docker|1101)$/, host: /^unix:\/\/\/(?:var\/)?run\/(?:user-docker\/)?docker\.sock$/, pidfile: /^\/(?:var\/)?run\/docker\.pid$/, 'shutdown-timeout': /^(?:15|20)$/,
  },
};
/** The same of flags that are switches. */
const sameSwitch: Readonly<Record<EngineName, Readonly<Record<string, boolean>>>> = {
  'system-docker': { 'ip-forward': false, 'ip-masq': false, ip6tables: false, iptables: false, 'live-restore': true, 'selinux-enabled': false, 'userland-proxy': false },
  docker: { 'selinux-enabled': false, 'userland-proxy': false },
};

const inOwnNamespace = 'User Docker is in a user namespace of its own already';
/** What User Docker does not take, and why. */
const userRefuses: Readonly<Record<string, string>> = {
  'cgroup-parent': bySystem, 'config-file': bySystem, containerd: bySystem, 'containerd-namespace': bySystem, 'containerd-plugins-namespace': bySystem, 'cri-containerd': bySystem,
  'data-root': bySystem, 'exec-opt': bySystem, 'exec-root': bySystem, group: bySystem, pidfile: bySystem, 'shutdown-timeout': bySystem,
  rootless: inOwnNamespace, 'userns-remap': inOwnNamespace,
  'selinux-enabled': 'this kernel runs without SELinux',
  'userland-proxy': `${bySystem}: a proxy hides the clients' addresses`, 'userland-proxy-path': bySystem,
};

/** Not for a daemon: dockerd would print something and end. */
const noOptions: ReadonlySet<string> = new Set(['help', 'validate', 'version']);
/** Gone long since, and of no use in a machine whose supervisor decides. */
const obsolete: ReadonlySet<string> = new Set(['restart']);

/**
 * In force from a start of User Docker without running containers on: networks that containers are in, and where they lie, cannot be changed under
 * them.
 */
const atBoot: ReadonlySet<string> = new Set([
  'bip', 'bridge', 'default-address-pool', 'default-gateway', 'default-gateway-v6', 'default-network-opt', 'fixed-cidr', 'fixed-cidr-v6', 'icc', 'ip', 'ip-forward', 'ip-masq', 'ip6tables',
  'iptables', 'ipv6', 'mtu', 'network-control-plane-mtu', 'storage-driver', 'storage-opt',
]);

export function judge(engine: EngineName, flag: Flag): Verdict {
  const { name, value } = flag;
  if (noOptions.has(name)) return { kind: 'refuse', why: 'it is no option of a daemon' };
  if (obsolete.has(name) || isSame(engine, flag)) return { kind: 'drop' };
  const why = engine === 'system-docker' ? (systemTakes.has(name) ? undefined : bySystem) : userRefusal(flag);
  const wrong = why ?? wrongForm(name, value);
  if (wrong !== undefined) return { kind: 'refuse', why: wrong };
  return { kind: engine === 'docker' && atBoot.has(name) ? 'at boot' : 'take' };
}

function isSame(engine: EngineName, { name, value }: Flag): boolean {
  const wanted = sameSwitch[engine][name];
  return wanted === undefined ? same[engine][name]?.test(value ?? '') === true : truth(value) === wanted;
}

function userRefusal({ name, value }: Flag): string | undefined {
  if (name === 'host') {
    if (value?.startsWith('unix:') === true) return 'the socket is set by the system';
    return value?.startsWith('fd:') === true ? 'nobody hands it a socket here' : undefined;
  }
  return Object.hasOwn(userRefuses, name) ? userRefuses[name] : undefined;
}

const logDrivers: ReadonlySet<string> = new Set(['awslogs', 'fluentd', 'gcplogs', 'gelf', 'journald', 'json-file', 'local', 'none', 'splunk', 'syslog']);

/** What `dockerd --validate` lets through although dockerd, or every container, would not start with it. */
function wrongForm(name: string, value = ''): string | undefined {
  // Passed on a line each.
  if (/[\0-\x1f\x7f]/.test(value)) return 'its value holds a control character';
  switch (name) {
    case 'bip': case 'fixed-cidr': return isCidr(value) ? undefined : 'its value is no IPv4 address with a prefix, such as 172.20.0.1/16';
    case 'bridge': return /^[A-Za-z0-9_.-]{1,15}$/.test(value) ? undefined : 'its value is no name of a network device';
    case 'insecure-registry': return /^[A-Za-z0-9.:[\]-]+(?:\/\d{1,3})?$/.test(value) ? undefined : 'its value is no host, host:port or network';
    // A plugin's name has a tag or a slash.
    case 'log-driver': return logDrivers.has(value) || /^[\w.-]+[/:][\w./:-]+$/.test(value) ? undefined : 'there is no such driver';
    case 'log-opt': return wrongLogOption(value);
    case 'storage-driver': return value === 'overlay2' || value === 'vfs' ? undefined : 'User Docker has overlay2 and vfs';
    default: return undefined;
  }
}

function wrongLogOption(value: string): string | undefined {
  const [, name, text = ''] = /^([\w.-]+)=([\s\S]*)$/.exec(value) ?? [];
  if (name === undefined) return 'it is not of the form name=value';
  if (name === 'max-size' && !/^(?:-1|\d+(?:\.\d+)?\s?[kmgtp]?i?b?)$/i.test(text)) return 'max-size is no size, such as 25m';
  return name === 'max-file' && !/^[1-9]\d*$/.test(text) ? 'max-file is no count' : undefined;
}

function isCidr(text: string): boolean {
  const [, address = '', prefix = ''] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const octets = address.split('.');
  return Number(prefix) <= 32 && prefix !== '' && octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255);
}
