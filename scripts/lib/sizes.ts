/** The table that ends a build: what the results weigh, and what that is against the build before. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildContext } from './context.ts';
import { replaceFile } from './files.ts';
import type { Flavour } from './spec.ts';

const RESULTS = ['vmlinuz', 'initramfs.img', 'root.img'];

/** What a user of the small image downloads may weigh at most this. */
const BUDGET = 125_000_000;

type Sizes = Readonly<Record<string, number>>;

/** Prints the table of an image and keeps the sizes for the next build. */
export function reportSizes(context: BuildContext, flavour: Flavour): void {
  const sizes: Record<string, number> = Object.fromEntries(RESULTS.map((name) => [name, statSync(join(context.out, name)).size]));
  sizes['total'] = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  console.log(keepSizes(context, sizes));
  if (flavour === 'cloud' && sizes['total'] > BUDGET) console.warn(`warning: ${(sizes['total'] / 1e6).toFixed(1)} MB is over the budget of ${BUDGET / 1e6} MB`);
}

/** Returns the table, against what the same files weighed before, and keeps the sizes in sizes.json beside them. */
export function keepSizes(context: BuildContext, sizes: Sizes): string {
  const file = join(context.out, 'sizes.json');
  const before: Sizes = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Sizes : {};
  replaceFile(file, `${JSON.stringify({ ...before, ...sizes }, null, 2)}\n`);
  return formatSizes(sizes, before);
}

export function formatSizes(sizes: Sizes, before: Sizes): string {
  const rows = Object.entries(sizes).map(([name, size]) => {
    const previous = before[name];
    const change = previous === undefined ? 'new' : size === previous ? '=' : `${size > previous ? '+' : '-'}${Math.abs(size - previous).toLocaleString('en')}`;
    return [name, size.toLocaleString('en'), `${(size / 1e6).toFixed(1)} MB`, change];
  });
  const table = [['file', 'bytes', '', 'against before'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map(([name = '', ...rest]) => [name.padEnd(widths[0] ?? 0), ...rest.map((cell, index) => cell.padStart(widths[index + 1] ?? 0))].join('  ')).join('\n');
}
