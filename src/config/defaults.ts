/** What holds when nobody says otherwise: the lowest layer. */
import type { CloudConfig } from './schema.ts';

export const builtInConfig = {
  rancher: {
    cloud_init: { datasources: ['configdrive:/media/config-2'] },
    defaults: { hostname: 'rancher' },
    ssh: { daemon: true, port: 22 },
    state: { fstype: 'auto', wait: false, required: false, oem_dev: 'LABEL=RANCHER_OEM', boot_dev: 'LABEL=RANCHER_BOOT' },
    modules: [],
    sysctl: { 'fs.file-max': '1000000000' },
    shutdown_timeout: 60,
    debug: false,
  },
} as const satisfies CloudConfigInput;

type CloudConfigInput = { readonly [K in keyof CloudConfig]?: unknown };
