/** What the making of certificates takes of this machine. */
import { hostname } from 'node:os';
import { changeConfig, configFile, unbroken } from '../config/store.ts';
import { setInYaml } from '../config/edit.ts';
import { describeProblem } from '../config/index.ts';
import { RosError } from '../lib/errors.ts';
import { machineAddresses } from '../sys/net.ts';
import { paths, type Machine } from './machine.ts';
import { keeps } from './state/places.ts';
import { readConfig } from './phases/config.ts';
import { tlsPlaces, type TlsHost } from './tls.ts';

export function tlsHost(machine: Machine): TlsHost {
  return {
    now: () => machine.clock.now(),
    async docker() {
      await readConfig(machine);
      return machine.settings.docker;
    },
    async store(values) {
      const file = `${paths.conf}/${configFile}`;
      const change = (text: string): string => Object.entries(values).reduce((before, [key, value]) => setInYaml(before, ['rancher', 'docker', key], value), unbroken(text, file));
      const { problems } = await changeConfig(paths.conf, change, { why: 'tls generate', now: () => machine.clock.now() });
      const wrong = problems.find(({ severity }) => severity === 'error');
      if (wrong !== undefined) throw new RosError('ERR_ROS_CONFIG', `cannot keep the certificates: ${describeProblem(wrong)}`);
      await readConfig(machine);
    },
    hostname,
    addresses: () => machineAddresses().map(({ address }) => address),
    isKept: () => keeps(machine.state, paths.conf),
    places: tlsPlaces,
  };
}
