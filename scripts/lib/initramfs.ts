/** The initramfs: the shim as /init, a busybox for rescue, the storage modules and their load order. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants as zlibConstants, zstdCompressSync } from 'node:zlib';
import { makeCpio, type ArchiveEntry } from './archive.ts';
import type { BuildContext } from './context.ts';
import { hashTree } from './hash.ts';
import { flattenModules, selectModules, type KernelModules } from './kernel-modules.ts';
import { run } from './run.ts';
import type { OsSpec } from './spec.ts';
import { runStep } from './step.ts';
import { replaceFile } from './files.ts';

/** -Os: it stays in memory for the life of the machine. -static: it runs before there is any library. */
const FLAGS = ['-static', '-Os', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-ffunction-sections', '-fdata-sections', '-Wl,--gc-sections', '-s'];

export async function buildInitramfs(context: BuildContext, os: OsSpec, kernel: KernelModules, busybox: string): Promise<string> {
  const file = join(context.out, 'initramfs.img');
  const sources = join(context.source, 'initramfs');
  await runStep(context, {
    name: 'initramfs',
    script: import.meta.filename,
    inputs: [os.initramfs, kernel.release, hashTree(sources, (name) => !/\.[ch]$/.test(name)), hashTree(busybox)],
    outputs: [file],
    work: async () => {
      const work = join(context.work, 'initramfs');
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work, { recursive: true });
      const init = await compileShim(sources, work);
      const modules = await flattenModules(kernel, selectModules(kernel, os.initramfs.modules), join(work, 'modules'));
      const cpio = makeCpio(contents(os, init, busybox, join(work, 'modules'), modules));
      // Node's own zstd: pinned with Node, so the bytes do not depend on the build machine's
      const image = zstdCompressSync(cpio, { params: { [zlibConstants.ZSTD_c_compressionLevel]: 19, [zlibConstants.ZSTD_c_checksumFlag]: 0 } });
      replaceFile(file, image);
    },
  });
  return file;
}

async function compileShim(sources: string, work: string): Promise<string> {
  let files = existsSync(sources) ? readdirSync(sources).filter((name) => name.endsWith('.c')).sort().map((name) => join(sources, name)) : [];
  if (files.length === 0) {
    // until initramfs/init.c exists: the kernel at least finds an init
    const placeholder = join(work, 'placeholder.c');
    writeFileSync(placeholder, '#include <unistd.h>\nint main(void) { write(1, "placeholder init\\n", 17); for (;;) pause(); }\n');
    files = [placeholder];
  }
  const init = join(work, 'init');
  // relative names: the build folder's path must not reach the bytes
  await run('musl-gcc', [...FLAGS, `-I${sources}`, `-ffile-prefix-map=${sources}=initramfs`, '-o', init, ...files]);
  return init;
}

function contents(os: OsSpec, init: string, busybox: string, folder: string, modules: readonly string[]): ArchiveEntry[] {
  const folders = [...new Set(['bin', 'modules', ...os.initramfs.directories])].sort();
  return [
    ...folders.map((path): ArchiveEntry => ({ path, kind: 'folder', mode: 0o755 })),
    { path: 'init', kind: 'file', mode: 0o755, content: init },
    { path: 'bin/busybox', kind: 'file', mode: 0o755, content: busybox },
    ...os.initramfs.busybox.map((name): ArchiveEntry => ({ path: `bin/${name}`, kind: 'link', mode: 0o777, to: 'busybox' })),
    ...[...modules].sort().map((name): ArchiveEntry => ({ path: `modules/${name}`, kind: 'file', mode: 0o644, content: join(folder, name) })),
    { path: 'modules.list', kind: 'file', mode: 0o644, content: Buffer.from(modules.map((name) => `${name}\n`).join('')) },
  ];
}
