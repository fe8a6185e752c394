/** Packs the root tree into the read-only erofs image. What is compressed how stands in os.yml; why in docs/adr/0003-root-image.md. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EPOCH, ROOT_UUID, type BuildContext } from './context.ts';
import { replaceByProgram } from './files.ts';
import type { Compression, OsSpec } from './spec.ts';
import { runStep } from './step.ts';
import type { Toolbox } from './tools.ts';

export async function buildRootImage(context: BuildContext, os: OsSpec, tools: Toolbox, toolVersions: unknown, tree: { folder: string; inputs: string }): Promise<string> {
  const file = join(context.out, 'root.img');
  const { compression } = os.root;
  await runStep(context, {
    name: 'root image',
    script: import.meta.filename,
    inputs: [compression, toolVersions, tree.inputs],
    outputs: [file],
    work: async () => {
      const all = [compression.default, ...compression.exceptions];
      const algorithms = [...new Set(all.map((one) => one.algorithm))];
      const hints = join(context.work, 'compress-hints');
      // -C bounds the hints and is what unmatched files get, so the default is a hint too: the last one, for everything
      writeFileSync(hints, [...compression.exceptions, { ...compression.default, paths: ['.*'] }].flatMap((one) => hintLines(one, algorithms)).join(''));
      await replaceByProgram(file, (partial) => tools.run('mkfs.erofs', [
        '--quiet', '-L', 'CORRAL_ROOT', '-U', ROOT_UUID, '-T', String(EPOCH), '--all-root', '-x-1',
        `-z${algorithms.join(':')}`,
        `-C${Math.max(...all.map((one) => one.cluster))}`,
        `--compress-hints=${hints}`,
        ...(compression.extended.length > 0 ? [`-E${compression.extended.join(',')}`] : []),
        partial, tree.folder,
      ]));
    },
  });
  return file;
}

/** `<bytes> <index of the algorithm> <extended regular expression on the path>`, the first that matches counts. */
function hintLines(one: Compression, algorithms: readonly string[]): string[] {
  return one.paths.map((path) => `${one.cluster} ${algorithms.indexOf(one.algorithm)} ${path}\n`);
}
