/**
 * Packs the root tree into the read-only squashfs image. How it is compressed stands in os.yml; why in
 * docs/adr/0003-root-image.md. squashfs has no volume name, so one block with ours follows the file system: it is how the
 * shim knows the image (initramfs/boot.c). `ROOT_LEVEL=3 make image` is for trying things out: a larger image, in seconds.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { EPOCH, type BuildContext } from './context.ts';
import { replaceByProgram } from './files.ts';
import type { OsSpec } from './spec.ts';
import { runStep } from './step.ts';
import type { Toolbox } from './tools.ts';

const NAME = 'CORRAL_ROOT';
/** mksquashfs pads the file system to this; the name has a block of its own. */
const BLOCK = 4096;

export async function buildRootImage(context: BuildContext, os: OsSpec, tools: Toolbox, toolVersions: unknown, tree: { folder: string; inputs: string }): Promise<string> {
  const file = join(context.out, 'root.img');
  const { block } = os.root.compression;
  const level = Number(process.env['ROOT_LEVEL'] ?? os.root.compression.level);
  await runStep(context, {
    name: 'root image',
    script: import.meta.filename,
    inputs: [level, block, toolVersions, tree.inputs],
    outputs: [file],
    work: async () => {
      await replaceByProgram(file, async (partial) => {
        await tools.run('mksquashfs', [
          tree.folder, partial, '-noappend', '-quiet', '-no-progress', '-no-xattrs', '-no-exports',
          '-comp', 'zstd', '-Xcompression-level', String(level), '-b', String(block), '-mkfs-time', String(EPOCH), '-all-time', String(EPOCH),
        ]);
        const name = Buffer.alloc(BLOCK);
        name.write(NAME);
        appendFileSync(partial, name);
      });
    },
  });
  return file;
}
