/** The table of datasources, and which of them are to be asked; `probe.ts` asks them. */
import { suggest } from '../../lib/suggest.ts';
import { printableKey, type Problem } from '../problem.ts';
import { aliyun } from './aliyun.ts';
import { azure } from './azure.ts';
import { cloudstack } from './cloudstack.ts';
import { configDrive } from './config-drive.ts';
import type { Datasource, Facts } from './datasource.ts';
import { digitalocean } from './digitalocean.ts';
import { ec2 } from './ec2.ts';
import { exoscale } from './exoscale.ts';
import { file } from './file.ts';
import { fwCfg } from './fw-cfg.ts';
import { gce } from './gce.ts';
import { nocloud, nocloudNet, proxmox } from './nocloud.ts';
import { openstack } from './openstack.ts';
import { packet } from './packet.ts';
import { smbios } from './smbios.ts';
import { tftp } from './tftp.ts';
import { cmdline, shownUrl, url } from './url.ts';
import { vmware, vmwareUrl } from './vmware.ts';

export const datasources: readonly Datasource[] = [
  configDrive, nocloud, smbios, fwCfg, vmware, proxmox, file,
  cmdline, url, tftp, nocloudNet, vmwareUrl,
  ec2, gce, azure, digitalocean, openstack, aliyun, exoscale, cloudstack, packet,
];

/** A datasource to be asked. */
export interface Choice {
  readonly datasource: Datasource;
  readonly argument: string | undefined;
  /** As `rancher.cloud_init.datasources` says it, without what may be secret. */
  readonly source: string;
  /** Whether somebody named it, rather than `*`. */
  readonly named: boolean;
}

/**
 * Those that `rancher.cloud_init.datasources` names (an argument stands behind a colon) and that can be asked at all. `*` is
 * all of them; when the firmware says what machine this is, only those of that kind.
 */
export function chooseDatasources(names: readonly string[], facts: Facts, table: readonly Datasource[] = datasources): { choices: Choice[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const chosen = names.flatMap((spec): Choice[] => {
    const [name = ''] = spec.split(':', 1);
    const argument = spec.includes(':') ? spec.slice(name.length + 1) : undefined;
    if (name === '*') return recognised(facts, table).map((datasource) => ({ datasource, argument: undefined, source: datasource.name, named: false }));
    const found = table.filter((datasource) => datasource.name === name);
    if (found.length === 0) problems.push(unknownName(name, table));
    return found.map((datasource) => ({ datasource, argument, source: argument === undefined ? name : `${name}:${shownUrl(argument)}`, named: true }));
  });
  // Named as well as meant by `*`: asked once, with its argument.
  const isRepeated = ({ datasource, named }: Choice): boolean => !named && chosen.some((other) => other.named && other.datasource === datasource);
  return { choices: chosen.filter((choice) => !isRepeated(choice) && (choice.datasource.applies?.(choice.argument, facts) ?? true)), problems };
}

function recognised({ dmi }: Facts, table: readonly Datasource[]): Datasource[] {
  const verdict = ({ recognise }: Datasource) => recognise?.(dmi);
  const isCertain = table.some((datasource) => verdict(datasource) === 'yes');
  return table.filter((datasource) => verdict(datasource) !== 'no' && !(isCertain && datasource.needs === 'network' && verdict(datasource) === 'perhaps'));
}

function unknownName(name: string, table: readonly Datasource[]): Problem {
  const meant = suggest(name, table.map((datasource) => datasource.name));
  return { severity: 'warning', source: `datasource ${printableKey(name)}`, message: `no such datasource${meant === undefined ? '' : `; did you mean "${meant}"?`}` };
}
