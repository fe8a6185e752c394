/**
 * `make iso`, `make qcow2`, `make formats` and so on: what people start the system from, in build/media. A format is a folder of image/formats/.
 *
 *   NAME …                   the formats; without one, all
 *   --out DIR, --cache DIR   where to build (build, build/cache)
 *   --update                 fetch the package index anew
 *   --quick                  the images of flavours other than the cloud's larger, in seconds: for the tests
 */
import { parseArgs } from 'node:util';
import { RosError } from '../src/lib/errors.ts';
import { createContext } from './lib/context.ts';
import { BuildError } from './lib/error.ts';
import { buildMedia } from './lib/media/build-media.ts';

process.umask(0o022); // the modes of what is built are not the user's choice

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' }, cache: { type: 'string' }, update: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } } });

try {
  console.log(await buildMedia(createContext(values), positionals, { refresh: values.update, isQuick: values.quick }));
} catch (error) {
  if (!(error instanceof BuildError || error instanceof RosError)) throw error;
  console.error(`error: ${error.message}`);
  if (error.hint !== undefined) console.error(`hint: ${error.hint}`);
  process.exitCode = 1;
}
