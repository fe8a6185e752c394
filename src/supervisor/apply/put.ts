/** Puts files into containers that run. */
import { causeOf } from '../../lib/errors.ts';
import type { ServiceDefinition } from '../../services/definition.ts';
import { packTar, type TarEntry } from '../../sys/tar-pack.ts';
import type { Machine } from '../machine.ts';

/** Into every running service that `isMeant`; answers what failed, in words. What does not run gets its files when it starts. */
export async function putNow({ services }: Machine, isMeant: (name: string) => boolean, entriesOf: (service: ServiceDefinition, id: string) => Promise<readonly TarEntry[]>): Promise<string[]> {
  const failures: string[] = [];
  for (const name of services.names().filter(isMeant)) {
    const { containerId, plane, definition, started } = services.runner(name, 'put files into');
    if (containerId === undefined || !started) continue;
    try {
      const entries = await entriesOf(definition, containerId);
      if (entries.length > 0) await plane.engine.putFiles(containerId, packTar(entries));
    } catch (error) {
      failures.push(`cannot put files into "${name}": ${causeOf(error)}`);
    }
  }
  return failures;
}
