/**
 * The network, as the network container makes it: what the configuration says is rendered to a file that it reads when it
 * starts, and it is told when that changes while it runs. Nothing configured, no file: DHCP on every wired interface.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { renderNetwork, type NetworkSetting, type Settings } from '../../config/index.ts';
import type { Engine } from '../../engine/engine.ts';
import { causeOf, RosError } from '../../lib/errors.ts';
import { readTextFile, writeFileAtomic } from '../../sys/files.ts';
import type { Part } from './part.ts';

const directory = '/run/ros/network';
const maxBytes = 4 * 1024 * 1024;
const container = 'network';
/** What network-apply needs itself, beside what it waits for in each of the user's commands (30 s) and for DHCP. */
const applyMs = 120_000;
const commandMs = 30_000;

export const networkPart: Part = {
  name: 'network', keys: ['rancher.network', 'rancher.defaults.network'], effect: 'now',
  of: ({ network }) => followed(network),
  what: (before, after) => `rancher.network: ${changedNames(before.network, after.network).join(', ')}`,
  boot: async (_machine, settings) => { tell(await writeNetwork(settings.network)); },
  async apply(machine, _before, after) {
    const problems = await writeNetwork(after.network);
    tell([...problems, ...await reconfigure(machine.systemEngine, after.network)]);
  },
};

/** Proxies are no matter of the interfaces: they are in the environment of services and users. */
function followed({ proxy: _proxy, ...rest }: NetworkSetting): Omit<NetworkSetting, 'proxy'> { return rest; }

/** Which interfaces, and what else, differ. */
function changedNames(before: NetworkSetting, after: NetworkSetting): string[] {
  const entries = ({ interfaces }: NetworkSetting): Map<string, string> => new Map(interfaces.map((entry) => [entry.name, JSON.stringify(entry)]));
  const [old, present] = [entries(before), entries(after)];
  const interfaces = [...new Set([...old.keys(), ...present.keys()])].filter((name) => old.get(name) !== present.get(name));
  const differs = (...keys: readonly (keyof NetworkSetting)[]): boolean => keys.some((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return [
    ...interfaces.map((name) => `interface ${name}`),
    ...(differs('nameservers', 'search', 'fallbackNameservers') ? ['dns'] : []),
    ...(differs('preCmds', 'postCmds') ? ['commands'] : []),
    ...(differs('dhcpTimeoutS') ? ['dhcp_timeout'] : []),
  ];
}

/** Writes what the network container reads, or removes it; answers what of it could not be taken. */
export async function writeNetwork(network: Settings['network'], folder: string = directory): Promise<readonly string[]> {
  const { text, problems } = renderNetwork(network);
  const file = join(folder, 'settings');
  const present = await readTextFile(file, maxBytes).catch(() => '');
  if (text === undefined) {
    if (present !== undefined) await rm(file, { force: true });
  } else if (text !== present) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o700);
    await writeFileAtomic(file, text, 0o600);
  }
  return problems;
}

/** Tells the network container that what it reads has changed; answers what it could not do. One that does not run reads it when it starts. */
export async function reconfigure(engine: Pick<Engine, 'inspect' | 'exec'>, network: NetworkSetting): Promise<readonly string[]> {
  const found = await engine.inspect(container);
  if (found?.running !== true) return [];
  const commands = [network.preCmds, network.postCmds, ...network.interfaces.flatMap(({ preUp, postUp }) => [preUp, postUp])].flat().length;
  const timeoutMs = applyMs + network.dhcpTimeoutS * 1000 + commands * commandMs;
  try {
    const { exitCode, output } = await engine.exec(found.id, { command: ['/usr/lib/corral/network-apply'], timeoutMs, tailBytes: 4096 });
    if (exitCode === 0) return [];
    const lines = output.trim().split('\n').filter((line) => line !== '');
    return lines.length === 0 ? [`network-apply ended with exit code ${exitCode}`] : lines;
  } catch (error) {
    return [causeOf(error)];
  }
}

function tell(problems: readonly string[]): void {
  if (problems.length > 0) throw new RosError('ERR_ROS_NETWORK', `cannot set up the network as configured: ${problems.join('; ')}`);
}
