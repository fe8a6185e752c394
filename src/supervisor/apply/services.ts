/** The services that the configuration says. */
import type { Part } from './part.ts';
import { reloadServices } from '../service-plan.ts';

/** What of a running service has changed counts from its next start on, as everywhere. */
export const servicesPart: Part = {
  name: 'services', keys: ['rancher.services', 'rancher.services_include', 'rancher.service_images', 'rancher.repositories'], effect: 'now',
  of: ({ services, servicesInclude, serviceImages, repositories }) => ({ services, servicesInclude, serviceImages, repositories }),
  what: () => 'rancher.services: new ones start, those that are gone stop; what runs takes changes with its next start',
  apply: (machine) => reloadServices(machine),
};
