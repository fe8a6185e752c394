/** The initramfs: the shim as /init, a busybox for rescue, the modules it may need and their load order. */
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
import type { Toolbox } from './tools.ts';
import { replaceFile } from './files.ts';

/** -Os: it stays in memory for the life of the machine. -static: it runs before there is any library. */
const FLAGS = ['-static', '-Os', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-ffunction-sections', '-fdata-sections', '-Wl,--gc-sections', '-s'];

/** What the shim loads beside the drivers, each when it is needed: /<name>.list (initramfs/root.c). */
const ON_DEMAND = {
  /** sha256 is built in; this one uses the processor's instructions for it */
  verity: ['sha256-ssse3', 'dm-verity'],
  loop: ['loop'],
  iso: ['isofs'],
} as const;

export interface InitramfsParts {
  readonly kernel: KernelModules;
  readonly tools: Toolbox;
  readonly toolVersions: readonly (string | undefined)[];
  readonly busybox: string;
}

export async function buildInitramfs(context: BuildContext, os: OsSpec, { kernel, tools, toolVersions, busybox }: InitramfsParts): Promise<string> {
  const file = join(context.out, 'initramfs.img');
  const sources = join(context.source, 'initramfs');
  await runStep(context, {
    name: 'initramfs',
    script: import.meta.filename,
    inputs: [os.initramfs, os.kernel.without, toolVersions, kernel.release, hashTree(sources, (name) => !/\.[ch]$/.test(name)), hashTree(busybox)],
    outputs: [file],
    work: async () => {
      const work = join(context.work, 'initramfs');
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work, { recursive: true });
      const init = await compileShim(sources, work);
      const folder = join(work, modulesFolder(kernel.release));
      const lists: Record<string, string[]> = {};
      for (const [list, wanted] of Object.entries({ modules: os.initramfs.modules, ...ON_DEMAND })) lists[list] = await flattenModules(kernel, selectModules(kernel, wanted), folder);
      await flattenModules(kernel, selectModules(kernel, os.initramfs.coldplug, [...os.kernel.without, ...os.initramfs.without]), folder);
      // What modprobe reads: which module a device asks for, and what that needs.
      if (os.initramfs.coldplug.length > 0) await tools.run('depmod', ['-b', work, kernel.release]);
      const cpio = makeCpio(contents(os, init, busybox, { folder, release: kernel.release, lists }));
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

/** Where modprobe looks for them. */
function modulesFolder(release: string): string { return `lib/modules/${release}`; }

const modprobeReads = ['modules.alias', 'modules.dep'];

interface Modules { readonly folder: string; readonly release: string; readonly lists: Readonly<Record<string, readonly string[]>> }

function contents(os: OsSpec, init: string, busybox: string, { folder, release, lists }: Modules): ArchiveEntry[] {
  const modules = readdirSync(folder).filter((name) => name.endsWith('.ko') || modprobeReads.includes(name)).sort();
  const folders = [...new Set(['bin', 'lib', 'lib/modules', modulesFolder(release), ...os.initramfs.directories])].sort();
  return [
    ...folders.map((path): ArchiveEntry => ({ path, kind: 'folder', mode: 0o755 })),
    { path: 'init', kind: 'file', mode: 0o755, content: init },
    { path: 'bin/busybox', kind: 'file', mode: 0o755, content: busybox },
    ...os.initramfs.busybox.map((name): ArchiveEntry => ({ path: `bin/${name}`, kind: 'link', mode: 0o777, to: 'busybox' })),
    { path: 'modules', kind: 'link', mode: 0o777, to: modulesFolder(release) },
    ...modules.map((name): ArchiveEntry => ({ path: `${modulesFolder(release)}/${name}`, kind: 'file', mode: 0o644, content: join(folder, name) })),
    ...Object.entries(lists).map(([list, names]): ArchiveEntry => ({ path: `${list}.list`, kind: 'file', mode: 0o644, content: Buffer.from(names.map((name) => `${name}\n`).join('')) })),
  ];
}
