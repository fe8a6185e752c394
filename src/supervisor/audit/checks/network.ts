/** What other machines reach. */
import { nothing, pass, fail, unknown, warn, weight, listed, type Check } from '../check.ts';
import type { ListenerFacts, NetworkFacts } from '../facts.ts';

/** Protocol, port and service: DHCP's client, v4 and v6. */
const ofSystem: readonly string[] = ['udp 68 network', 'udp 546 network'];
const soonWords = 'sudo ros tls generate -s makes a new one';

export const networkChecks: readonly Check[] = [
  {
    id: 'network.listeners', title: 'Only services listen to the network', weight: weight.important, looked: '/proc/net/tcp, tcp6, udp, udp6, and whose sockets they are',
    judge: ({ network }) => {
      if (network.listeners === undefined) return unknown('the kernel\'s tables could not be read');
      const stray = network.listeners.filter((one) => !isExpected(one, network)).map(describe);
      return nothing(stray, 'warn', network.listeners.length === 0 ? 'nothing does' : listed(network.listeners.map(describe)), 'end it, make it a service, or let it listen at 127.0.0.1 alone');
    },
  },
  {
    id: 'network.router', title: 'The machine is no router between its networks', weight: weight.important, looked: 'net.ipv4.ip_forward, net.ipv6.conf.all.forwarding; the packet filter\'s table inet corral_plane',
    judge: ({ plane: { isolation }, network: { forwards, filter } }) => {
      if (!forwards) return pass('it forwards nothing');
      if (isolation === 'host') return warn('User Docker is in the machine\'s network, and its own rules decide');
      if (filter === undefined) return fail('it forwards, and the user plane\'s packet filter is not there', 'sudo ros service restart docker');
      const chain = filter.split(/^\s*chain /m).find((text) => text.includes('hook forward'));
      return chain?.includes('drop') === true ? pass('it forwards only to and from the user plane') : fail('it forwards, and the packet filter drops nothing of it', 'sudo ros service restart docker');
    },
  },
  {
    id: 'docker.tcp', title: 'Docker answers other machines only with certificates', weight: weight.vital, looked: 'the words that both dockerds were started with',
    judge: ({ engines: { system, user } }) => {
      if (tcpHosts(system ?? []).length > 0) return fail(`System Docker listens at ${listed(tcpHosts(system ?? []))}`, 'take host out of rancher.system_docker');
      if (system === undefined || user === undefined) return unknown(`${system === undefined ? 'System' : 'User'} Docker does not run`);
      const hosts = tcpHosts(user);
      if (hosts.length === 0) return pass('neither listens to the network');
      return verifies(user) ? pass(`${listed(hosts)}, for clients with a certificate`) : fail(`User Docker listens at ${listed(hosts)} and asks for no certificate`, 'rancher.docker.tls: true, and no host of its own');
    },
  },
  {
    id: 'docker.certificates', title: 'Docker\'s certificates are valid', weight: weight.important, looked: 'rancher.docker.{ca_cert,server_cert}, /etc/docker/tls, /home/rancher/.docker (ros tls status)',
    judge: ({ engines: { tls } }) => {
      if (tls === undefined) return unknown('they could not be read');
      if (!tls.enabled) return pass('rancher.docker.tls is off');
      const problems = tls.certificates.flatMap(({ kind, problems: all }) => all.map((text) => `${kind}: ${text}`));
      const warnings = tls.certificates.flatMap(({ kind, warnings: all }) => all.map((text) => `${kind}: ${text}`));
      if (problems.length > 0) return fail(listed(problems), soonWords);
      return warnings.length > 0 ? warn(listed(warnings), soonWords) : pass(listed(tls.certificates.map(({ kind, daysLeft = 0 }) => `${kind} ${daysLeft} days`)));
    },
  },
  {
    id: 'docker.registries', title: 'Images come over connections that are checked', weight: weight.minor, looked: 'insecure_registries of rancher.docker and rancher.system_docker',
    judge: ({ engines: { insecureRegistries } }) => nothing(insecureRegistries, 'warn', 'no insecure registry', 'give the registry a certificate, and its authority to ca_certs'),
  },
];

/** People run programs in the console, so there only sshd is expected. */
function isExpected({ protocol, port, service }: ListenerFacts, { sshPort }: NetworkFacts): boolean {
  if (service === 'console') return protocol === 'tcp' && port === sshPort;
  return service !== undefined || ofSystem.some((line) => line.startsWith(`${protocol} ${port} `));
}

function describe({ protocol, address, port, process, service }: ListenerFacts): string {
  return `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}${process === undefined ? '' : ` ${process}`}${service === undefined || service === process ? '' : ` of ${service}`}`;
}

/** Of the words of a dockerd. */
export function tcpHosts(words: readonly string[]): string[] {
  const values = words.flatMap((word, index) => (word === '-H' || word === '--host' ? [words[index + 1] ?? ''] : /^(?:--host=|-H=?)(.+)$/.exec(word)?.[1] ?? []));
  return values.filter((value) => !/^(?:unix|fd):/.test(value) && value !== '');
}

/** The last of a flag counts. */
function verifies(words: readonly string[]): boolean { return words.findLast((word) => /^--tlsverify(?:=|$)/.test(word))?.match(/^--tlsverify(?:=(?:true|1|t))?$/i) != null; }
