/**
 * User-data in the SMBIOS table, where most hypervisors let one put texts (type 11, "OEM strings"):
 * `org.corralos.config=` and the user-data, or `org.corralos.config.base64=` and the same in base64.
 */
import type { Datasource } from './datasource.ts';

const prefix = 'org.corralos.config';

export const smbios: Datasource = {
  name: 'smbios',
  needs: 'nothing',
  async fetch(_argument, { facts }) {
    for (const text of facts.dmi.oemStrings) {
      const [name = ''] = text.split('=', 1);
      const value = text.slice(name.length + 1);
      const userData = name === prefix ? Buffer.from(value) : name === `${prefix}.base64` ? Buffer.from(value, 'base64') : undefined;
      if (userData !== undefined) return { source: 'smbios', userData, metadata: undefined, problems: [] };
    }
    return undefined;
  },
};
