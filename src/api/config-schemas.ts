/** The part of the control API's values that is about the configuration, as schemas.ts has the others. */
import * as z from 'zod/mini';
import { doc, list, object, optional } from './schema-words.ts';

const path = list(z.string());
const masked = 'Secrets are masked unless `private` asks for them.';

export const configProblem = object('What is wrong with a configuration, or worth knowing. It holds no configured value.', {
  severity: doc('`error`: something is not used. `warning`: it is used, or can be ignored safely. `note`: it is not in effect yet.', z.enum(['error', 'warning', 'note'])),
  source: doc('The file, `kernel parameters` or the datasource.', z.string()),
  path: optional(doc('The key, dotted.', z.string())),
  line: optional(z.number()),
  column: optional(z.number()),
  message: z.string(),
  snippet: optional(doc('The line with its value masked, and a caret below the column.', z.string())),
});

const problems = list(configProblem);
const change = z.readonly(z.strictObject({
  part: z.string(),
  keys: doc('The keys that it follows, dotted.', list(z.string())),
  effect: doc('`now`: at once. `restarts`: services go down and up for it. `reboot`: from the next boot on.', z.enum(['now', 'restarts', 'reboot'])),
  restarts: list(z.string()),
  what: doc('The change in words.', z.string()),
}));

export const configView = object(`The configuration as all layers together say it. ${masked}`, {
  config: z.unknown(),
  origins: doc('For every value: the layer that said it last.', list(z.readonly(z.strictObject({ path, origin: z.string() })))),
  problems,
});

export const configValue = object(`A value of the configuration. ${masked}`, {
  path,
  value: optional(doc('Absent: the key is known, and nobody has set it.', z.unknown())),
  masked: doc('Whether something of it is hidden.', z.boolean()),
});

export const configSetting = object('A value to set.', { key: doc('Dotted; a step with a dot of its own in quotes.', z.string()), value: doc('As in a file: YAML, or else text. `null` removes the key.', z.string()) });

export const configText = object('A cloud-config.', { text: optional(doc('Absent: the machine\'s own.', z.string())), origin: optional(doc('Where it lies, for the messages.', z.string())) });

export const configChange = object('What became of a change to cloud-config.yml.', {
  written: doc('Whether the file was written: not when it says so already, or would have errors.', z.boolean()),
  valid: z.boolean(),
  version: optional(doc('Its number in the history.', z.number())),
  problems,
  notes: doc('In words: what else there is to say.', list(z.string())),
});

export const configJudgement = object('What is wrong with a cloud-config.', { valid: z.boolean(), problems });

export const configExport = object('The configuration to be given away.', { config: z.unknown(), leftOut: doc('The keys of secrets that are not in it.', list(z.string())) });

export const configImages = object('The images that a cloud-config names.', { images: list(z.string()) });

export const configSchema = doc('A JSON Schema (draft 2020-12).', z.record(z.string(), z.unknown()));

export const configTextAnswer = object('A text.', { text: z.string() });

export const configFileAnswer = object('cloud-config.yml as it is, secrets too.', { text: z.string(), digest: doc('Names this text: to be given back with a new one.', z.string()) });

export const configFileRequest = object('What cloud-config.yml is to be.', { text: z.string(), digest: optional(doc('Of the text that was changed: another one there meanwhile is not overwritten.', z.string())) });

export const configProposal = object('A cloud-config that is to be applied; without `text` the machine\'s own is.', {
  text: optional(z.string()),
  origin: optional(doc('Where it lies, for the messages.', z.string())),
  replace: optional(doc('In the place of cloud-config.yml, rather than merged into it.', z.boolean())),
  trySeconds: optional(doc('apply: undone after this time unless it is confirmed.', z.number())),
});

export const configPlan = object('What applying would change on the running machine.', { valid: z.boolean(), problems, changes: list(change) });

export const configApplied = object('What was applied.', {
  changes: list(z.readonly(z.strictObject({ part: z.string(), ok: z.boolean(), detail: doc('The change in words, or why it failed.', z.string()) }))),
  needsReboot: doc('Parts whose change is in effect from the next boot on.', list(z.string())),
  version: optional(doc('The number of the new text in the history.', z.number())),
  trialMs: optional(doc('On trial: so long until it is undone.', z.number())),
});

export const configEvent = doc('A line while a configuration is applied. The last is `done`, `invalid` or `failed`.', z.discriminatedUnion('kind', [
  z.readonly(z.strictObject({ kind: z.literal('progress'), text: z.string() })),
  z.readonly(z.strictObject({ kind: z.literal('done'), applied: configApplied })),
  z.readonly(z.strictObject({ kind: z.literal('invalid'), problems })),
  z.readonly(z.strictObject({ kind: z.literal('failed'), error: z.readonly(z.strictObject({ code: z.string(), message: z.string(), hint: optional(z.string()) })) })),
]));

export const configHistory = object('The versions of cloud-config.yml that are kept, newest first.', {
  versions: list(z.readonly(z.strictObject({
    n: z.number(),
    at: z.string(),
    why: z.string(),
    sameAs: optional(doc('The version that it put back.', z.number())),
    current: doc('Whether the file says this now.', z.boolean()),
  }))),
});

export const configDiff = object(`What differs between two versions. ${masked}`, {
  from: doc('A number, or `the file`.', z.string()),
  to: z.string(),
  changes: list(z.readonly(z.strictObject({ path, before: optional(z.unknown()), after: optional(z.unknown()) }))),
  same: doc('Whether the texts are the same: without changes they may differ in comments.', z.boolean()),
});

export const configUndo = object('Which version to put back.', { to: optional(doc('Absent: the one before.', z.number())) });

export const configStatus = object('How it stands with the configuration.', {
  layers: doc('In the order in which they are merged.', list(z.readonly(z.strictObject({ name: z.string(), source: z.string(), usedLastGood: doc('The file is broken; its last good copy is in force.', z.boolean()) })))),
  problems,
  pending: doc('What `apply` would change now.', list(change)),
  datasource: optional(doc('Where user-data was looked for.', z.readonly(z.strictObject({
    source: optional(doc('The one that answered.', z.string())), why: z.string(), tookMs: z.number(), tried: list(z.readonly(z.strictObject({ source: z.string(), result: z.string() }))),
  })))),
  hooks: doc('What the commands and scripts of the configuration did in this boot.', list(z.readonly(z.strictObject({
    name: z.string(), exitCode: doc('-1: it did not start or did not end in time.', z.number()), at: z.string(), tookMs: z.number(), output: doc('The end of what it printed.', z.string()),
  })))),
  trial: optional(z.readonly(z.strictObject({ endsInMs: z.number() }))),
});
