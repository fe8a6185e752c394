/** The formats in which the system is handed out: a folder of image/formats/ each, and what its format.yml may say. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { BuildContext } from '../context.ts';
import { BuildError } from '../error.ts';
import { flavours, read } from '../spec.ts';

const flavour = z.enum(flavours);

const formatSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('iso'), flavour }),
  z.strictObject({ kind: z.literal('pxe'), flavour }),
  z.strictObject({
    kind: z.literal('disk'),
    flavour,
    /** by what name qemu-img knows it, and what it is told of it */
    convert: z.strictObject({ to: z.string(), options: z.array(z.string()).default([]), compress: z.boolean().default(false) }).optional(),
    /** packed as a whole */
    pack: z.literal('zst').optional(),
    /** of the file's name, where that is not the format's own */
    extension: z.string().optional(),
  }),
]);

export type FormatSpec = z.output<typeof formatSpec>;
export type DiskFormat = Extract<FormatSpec, { kind: 'disk' }>;
export interface Format { readonly name: string; readonly spec: FormatSpec }

/** The formats of these names, or all that there are. */
export function readFormats(context: BuildContext, names: readonly string[]): Format[] {
  const folder = join(context.source, 'image/formats');
  const known = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'format.yml'))).sort();
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new BuildError(`cannot build format "${unknown}": there are ${known.join(', ')} (image/formats/)`);
  return (names.length === 0 ? known : names).map((name) => ({ name, spec: read(context, join(folder, name, 'format.yml'), formatSpec) }));
}

/** `corralos-v0.1.0.iso`, `corralos-v0.1.0-cloud.qcow2`: the format's name stands where the extension does not say it. A network boot's is a folder. */
export function formatFile({ name, spec }: Format, version: string): string {
  const extension = spec.kind === 'pxe' ? '' : spec.kind === 'iso' ? 'iso' : spec.extension ?? name;
  const pack = spec.kind === 'disk' && spec.pack !== undefined ? `.${spec.pack}` : '';
  return `corralos-${version}${extension === name ? '' : `-${name}`}${extension === '' ? '' : `.${extension}`}${pack}`;
}
