/** What holds when nobody says otherwise: the lowest layer. */
import type { CloudConfig } from './schema.ts';

export const builtInConfig = {
  rancher: {
    console: 'default',
    cloud_init: { datasources: ['configdrive:/media/config-2', 'nocloud', 'smbios', 'fw_cfg', 'vmware', 'cmdline'] },
    defaults: { hostname: 'rancher', network: { dhcp_timeout: 10 } },
    docker: {
      tls_args: [
        '--tlsverify', '--tlscacert=/etc/docker/tls/ca.pem', '--tlscert=/etc/docker/tls/server-cert.pem', '--tlskey=/etc/docker/tls/server-key.pem',
        '-H=0.0.0.0:2376',
      ],
    },
    ssh: { daemon: true, port: 22 },
    state: { fstype: 'auto', wait: false, required: false, oem_dev: 'LABEL=RANCHER_OEM', boot_dev: 'LABEL=RANCHER_BOOT' },
    repositories: { core: { url: 'file:///usr/share/ros/repository' } },
    http_load_retries: 6,
    hypervisor_service: true,
    modules: [],
    preload_wait: false,
    sysctl: { 'fs.file-max': '1000000000' },
    shutdown_timeout: 60,
    debug: false,
  },
} as const satisfies CloudConfigInput;

type CloudConfigInput = { readonly [K in keyof CloudConfig]?: unknown };
