import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtInConfig } from '../../../src/config/defaults.ts';
import { jsonSchema } from '../../../src/config/json-schema.ts';
import { parseLayer } from '../../../src/config/load.ts';
import { configReference } from '../../../src/config/reference.ts';

const docs = (name: string): string => readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8');
interface Node { readonly [keyword: string]: unknown; readonly properties?: Readonly<Record<string, Node>>; readonly additionalProperties?: unknown; readonly items?: Node; readonly anyOf?: readonly Node[] }

/** Every key of the schema by its dotted path, `*` for a name or a place in a list. */
function keys(node: Node, path: readonly string[] = []): string[] {
  const { properties = {}, additionalProperties, items, anyOf = [] } = node;
  const below = [...Object.entries(properties), ...(typeof additionalProperties === 'object' ? [['*', additionalProperties as Node] as const] : []), ...(items === undefined ? [] : [['*', items] as const])];
  return [...below.flatMap(([key, child]) => [[...path, key].join('.'), ...keys(child, [...path, key])]), ...anyOf.flatMap((option) => keys(option, path))];
}

describe('the reference of cloud-config', () => {
  it('is up to date in docs/cloud-config.md (make docs)', () => {
    expect(docs('cloud-config.md')).toBe(configReference());
  });

  it('is up to date in docs/cloud-config.schema.json (make docs)', () => {
    expect(JSON.parse(docs('cloud-config.schema.json'))).toEqual(jsonSchema());
  });

  it('says what every key means', () => {
    const silent = (node: Node, path: string): string[] => Object.entries(node.properties ?? {}).flatMap(([key, child]) => [
      ...(typeof child['description'] === 'string' && child['description'].length > 4 ? [] : [`${path}${key}`]), ...silent(child, `${path}${key}.`),
    ]);
    expect(silent(jsonSchema() as Node, '')).toEqual([]);
  });

  it('holds every key of RancherOS', () => {
    const known = keys(jsonSchema() as Node);
    const expected = [
      'hostname', 'ssh_authorized_keys', 'write_files.*.path', 'write_files.*.content', 'write_files.*.owner', 'write_files.*.permissions', 'write_files.*.encoding', 'write_files.*.container',
      'mounts.*.*', 'runcmd', 'bootcmd', ...[
        'console', 'environment', 'services', 'bootstrap', 'cloud_init_services', 'services_include', 'repositories.*.url', 'bootstrap_docker', 'cloud_init.datasources', 'ssh.keys', 'ssh.daemon', 'ssh.port',
        'ssh.listen_address', 'resize_device', 'sysctl', 'modules', 'upgrade.url', 'upgrade.image', 'upgrade.policy', 'upgrade.rollback', 'defaults.hostname', 'defaults.docker.engine',
        'defaults.network.dhcp_timeout', 'defaults.network.dns.nameservers', 'defaults.system_docker_logs', 'registry_auths.*.auth', 'registry_auths.*.username', 'registry_auths.*.password', 'restart_services',
        'disable', 'hypervisor_service', 'shutdown_timeout', 'http_load_retries', 'preload_wait', 'debug', 'log', 'rm_usr', 'no_sharedroot', 'recovery', 'force_console_rebuild', 'autoformat', 'password', 'autologin',
        ...['dev', 'fstype', 'directory', 'wait', 'required', 'autoformat', 'mdadm_scan', 'lvm_scan', 'cryptsetup', 'rngd', 'script', 'oem_dev', 'oem_fstype', 'boot_dev', 'boot_fstype'].map((key) => `state.${key}`),
        ...['docker', 'system_docker'].flatMap((engine) => [
          'bridge', 'bip', 'config_file', 'containerd', 'debug', 'exec_root', 'group', 'graph', 'host', 'insecure_registry', 'live_restore', 'log_driver', 'log_opts', 'pid_file', 'registry_mirror', 'restart',
          'selinux_enabled', 'storage_driver', 'userland_proxy', 'engine', 'tls', 'tls_args', 'extra_args', 'environment', 'server_cert', 'server_key', 'ca_cert', 'ca_key', 'storage_context', 'exec', 'args',
        ].map((key) => `${engine}.${key}`)),
        ...['pre_cmds', 'post_cmds', 'dhcp_timeout', 'dns.nameservers', 'dns.search', 'http_proxy', 'https_proxy', 'no_proxy'].map((key) => `network.${key}`),
        ...['match', 'dhcp', 'dhcp_args', 'address', 'addresses', 'ipv4ll', 'gateway', 'gateway_ipv6', 'mtu', 'bridge', 'bond', 'bond_opts', 'vlans', 'pre_up', 'post_up', 'wifi_network']
          .map((key) => `network.interfaces.*.${key}`),
        ...['ssid', 'psk', 'scan_ssid', 'priority', 'pairwise', 'group', 'eap', 'identity', 'anonymous_identity', 'ca_certs', 'client_certs', 'private_keys', 'private_key_passwds', 'phases', 'eapol_flags',
          'key_mgmt', 'password', 'address', 'gateway'].map((key) => `network.wifi_networks.*.${key}`),
        'network.modem_networks.*.apn', 'network.modem_networks.*.extra_args',
      ].map((key) => `rancher.${key}`),
    ];
    expect(expected.filter((key) => !known.includes(key))).toEqual([]);
  });

  it('gives as defaults what is taken as a value', () => {
    const { problems, config } = parseLayer(JSON.stringify(builtInConfig), 'built-in');
    expect(problems.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(config).toEqual(builtInConfig);
  });
});
