/**
 * Packs the root tree into the read-only squashfs image. How it is compressed stands in os.yml; why in
 * docs/adr/0003-root-image.md. squashfs has no volume name, so one block follows with ours and the root hash: it is how the
 * shim knows the image (initramfs/root.c). Then comes the hash tree, with which the kernel verifies every block that it
 * reads (dm-verity, docs/adr/0007-verity.md). `ROOT_LEVEL=3 make image` is for trying things out: a larger image, in seconds.
 */
import { closeSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EPOCH, type BuildContext } from './context.ts';
import { BuildError } from './error.ts';
import { replaceByProgram, replaceFile } from './files.ts';
import type { OsSpec } from './spec.ts';
import { runStep } from './step.ts';
import type { Toolbox } from './tools.ts';

const NAME = 'CORRAL_ROOT';
/** In the block with the name: 64 hex digits and a NUL. */
const HASH_AT = 16;
/** mksquashfs pads the file system to this, the name has a block of its own, and it is what is hashed at a time. */
const BLOCK = 4096;

export async function buildRootImage(context: BuildContext, os: OsSpec, tools: Toolbox, toolVersions: unknown, tree: { folder: string; inputs: string }): Promise<string> {
  const file = join(context.out, 'root.img');
  const hashFile = join(context.out, 'root.roothash');
  const { block } = os.root.compression;
  const level = Number(process.env['ROOT_LEVEL'] ?? os.root.compression.level);
  await runStep(context, {
    name: 'root image',
    script: import.meta.filename,
    inputs: [level, block, toolVersions, tree.inputs],
    outputs: [file, hashFile],
    work: async () => {
      let rootHash = '';
      await replaceByProgram(file, async (partial) => {
        await tools.run('mksquashfs', [
          tree.folder, partial, '-noappend', '-quiet', '-no-progress', '-no-xattrs', '-no-exports',
          '-comp', 'zstd', '-Xcompression-level', String(level), '-b', String(block), '-mkfs-time', String(EPOCH), '-all-time', String(EPOCH),
        ]);
        rootHash = await appendHashTree(partial, tools);
      });
      replaceFile(hashFile, `${rootHash}\n`);
    },
  });
  return file;
}

/** Returns the root hash. No salt and no superblock: the same data gives the same bytes, and the boot entry says the rest. */
async function appendHashTree(file: string, tools: Toolbox): Promise<string> {
  const bytes = statSync(file).size;
  truncateSync(file, bytes + BLOCK);
  const said = await tools.run('veritysetup', [
    'format', '--no-superblock', '--hash', 'sha256', '--salt', '-', `--data-block-size=${BLOCK}`, `--hash-block-size=${BLOCK}`,
    `--data-blocks=${bytes / BLOCK}`, `--hash-offset=${bytes + BLOCK}`, file, file,
  ]);
  const rootHash = /^Root hash:\s*([0-9a-f]{64})$/m.exec(said)?.[1];
  if (rootHash === undefined) throw new BuildError(`cannot make the hash tree of "${file}": veritysetup names no root hash`);
  const name = Buffer.alloc(BLOCK);
  name.write(NAME);
  name.write(rootHash, HASH_AT);
  const image = openSync(file, 'r+');
  writeSync(image, name, 0, BLOCK, bytes);
  closeSync(image);
  return rootHash;
}
