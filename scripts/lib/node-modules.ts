/** What a program uses of the modules that Node carries in itself, asked of Node. */
import { run } from './run.ts';
import type { ModuleUse } from './trim-node.ts';

/**
 * What `ros` cannot reach, even by mistake: tests, a prompt, a debugger, tools for V8's logs, and what needs a flag of Node's. Not
 * what only looks unused: acorn words a failed assert(), undici is loaded at the start where NODE_USE_ENV_PROXY is set.
 */
const NEVER = /^(?:repl$|internal\/(?:deps\/v8|debugger|quic|repl|streams\/iter|test_runner)\/)/;

const script = `
const { internalBinding } = require('internal/test/binding');
const { natives, getCacheUsage } = internalBinding('builtins');
for (const name of JSON.parse(process.argv[1])) require(name);
const { Script } = require('node:vm');
const { compiledWithCache, compiledWithoutCache, compiledInSnapshot } = getCacheUsage();
const loaded = [...compiledWithCache, ...compiledWithoutCache];
const kept = new Set([...loaded, ...compiledInSnapshot]);
process.stdout.write(JSON.stringify({
  flagsHash: new Script('0').createCachedData().readUInt32LE(12),
  withoutCache: [...compiledWithoutCache],
  // The last two begin a single executable.
  sourceLengths: [...loaded, 'internal/main/embedding', 'sea'].map((id) => natives[id].length),
  unused: Object.entries(natives).filter(([id]) => !kept.has(id)),
}));
`;

interface Answer {
  readonly flagsHash: number;
  readonly withoutCache: readonly string[];
  readonly sourceLengths: readonly number[];
  readonly unused: readonly (readonly [string, string])[];
}

export interface NodeUse extends ModuleUse {
  /** Modules whose code this Node did not take from its caches. */
  readonly withoutCache: readonly string[];
  /** The sources of what is never used, by the modules' names. */
  readonly never: ReadonlyMap<string, string>;
}

/** Loads the modules with the names `required` into `node`, which runs with `flags`, and looks. */
export async function nodeUse(node: string, flags: readonly string[], required: readonly string[]): Promise<NodeUse> {
  const answer = JSON.parse(await run(node, [...flags, '--no-warnings', '--expose-internals', '--eval', script, JSON.stringify(required)])) as Answer;
  return {
    flagsHash: answer.flagsHash,
    withoutCache: answer.withoutCache,
    sourceLengths: new Set(answer.sourceLengths),
    never: new Map(answer.unused.filter(([id]) => NEVER.test(id))),
  };
}
