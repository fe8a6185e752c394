/**
 * `make image` and `make addons`, as a table of contents. Each step is done again only when what it depends on has changed.
 *
 *   --out DIR, --cache DIR   where to build (build, build/cache)
 *   --update                 fetch the package index anew
 *   --flavour metal          the image of image/metal.yml, in build/metal, instead of the cloud's
 *   --addons                 the add-ons' archives (build/addons) instead of the image
 *   --quick                  those larger, in seconds: for the tests
 */
import { parseArgs } from 'node:util';
import { buildAddons } from './lib/addons.ts';
import { buildImage } from './lib/build-image.ts';
import { createContext } from './lib/context.ts';
import { BuildError } from './lib/error.ts';
import { reportSizes } from './lib/sizes.ts';
import { flavourNamed } from './lib/spec.ts';

process.umask(0o022); // the modes of what is built are not the user's choice

const { values } = parseArgs({ options: { out: { type: 'string' }, cache: { type: 'string' }, update: { type: 'boolean', default: false }, addons: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, flavour: { type: 'string', default: 'cloud' } } });

try {
  const context = createContext(values);
  if (values.addons) {
    console.log(await buildAddons(context, { refresh: values.update, isQuick: values.quick }));
  } else {
    const flavour = flavourNamed(values.flavour);
    reportSizes(await buildImage(context, { refresh: values.update, flavour }), flavour);
  }
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`error: ${error.message}`);
  if (error.hint !== undefined) console.error(`hint: ${error.hint}`);
  process.exitCode = 1;
}
