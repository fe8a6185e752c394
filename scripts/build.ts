/**
 * `make image`, as a table of contents. Each step is done again only when what it depends on has changed.
 *
 *   --out DIR, --cache DIR   where to build (build, build/cache)
 *   --update                 fetch the package index anew
 */
import { parseArgs } from 'node:util';
import { buildImage } from './lib/build-image.ts';
import { createContext } from './lib/context.ts';
import { BuildError } from './lib/error.ts';
import { reportSizes } from './lib/sizes.ts';

process.umask(0o022); // the modes of what is built are not the user's choice

const { values } = parseArgs({ options: { out: { type: 'string' }, cache: { type: 'string' }, update: { type: 'boolean', default: false } } });

try {
  const context = createContext(values);
  await buildImage(context, { refresh: values.update });
  reportSizes(context);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`error: ${error.message}`);
  if (error.hint !== undefined) console.error(`hint: ${error.hint}`);
  process.exitCode = 1;
}
