/** The part of the control API that installs, as functions. */
import type { BootParameters, BootParametersChange, InstallEvent, InstallPlan, InstallRequest } from '../api/types.ts';
import type { Requests } from './config-client.ts';

export interface InstallClient {
  /** Looks only. */
  plan(request: InstallRequest): Promise<InstallPlan>;
  /** All lines as they come; the last is `done` or `failed`. It goes on when nobody reads them. */
  run(request: InstallRequest): AsyncGenerator<InstallEvent>;
}

/** A cloud-config may have to be fetched, a CD drive to spin up. */
const planTimeoutMs = 180_000;

export function createInstallClient({ json, stream }: Requests): InstallClient {
  return {
    plan: (request) => json({ method: 'POST', path: '/v1/install/plan', body: request, timeoutMs: planTimeoutMs }),
    run: (request) => stream({ method: 'POST', path: '/v1/install', body: request, headTimeoutMs: planTimeoutMs }),
  };
}

export interface BootParametersClient {
  read(): Promise<BootParameters>;
  /** `digest` names the text that was changed. */
  replace(parameters: readonly string[], digest?: string): Promise<BootParametersChange>;
}

export function createBootParametersClient({ json }: Requests): BootParametersClient {
  return {
    read: () => json({ path: '/v1/boot/parameters' }),
    replace: (parameters, digest) => json({ method: 'POST', path: '/v1/boot/parameters', body: { parameters, ...(digest !== undefined && { digest }) } }),
  };
}
