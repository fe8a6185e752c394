/** What the control API says of an installation. */
import * as z from 'zod/mini';
import { configProblem } from './config-schemas.ts';
import { doc, list, object, optional } from './schema-words.ts';

export const installRequest = object('What is to be installed, and where.', {
  device: optional(doc('The whole disk: `/dev/sda`. Not for `noformat`.', z.string())),
  type: optional(doc('`generic` (the default) and `gptsyslinux`: GPT; `syslinux`: MBR; `noformat`: the partitions that are there.', z.string())),
  image: optional(doc('A folder, an ISO file or a device of the machine; absent: the medium that it was started from.', z.string())),
  cloudConfig: optional(doc('Its text, or where to fetch it from; absent: what this machine is configured with.', z.readonly(z.strictObject({ text: optional(z.string()), origin: z.string() })))),
  append: optional(doc('Kernel parameters of one\'s own, apart by blanks.', z.string())),
  partition: optional(doc('noformat: the state partition, in the place of the one with the label.', z.string())),
  stateDirectory: optional(doc('noformat: the folder of the state partition that becomes the state.', z.string())),
  force: optional(doc('A disk with data is written over.', z.boolean())),
  save: optional(doc('Images of services that have been enabled come along.', z.boolean())),
  reboot: optional(doc('The machine restarts when it is done.', z.boolean())),
  digest: optional(doc('Of a plan: when there is another one by now, nothing is done.', z.string())),
});

const refusal = z.readonly(z.strictObject({ code: z.string(), message: z.string(), hint: optional(z.string()) }));

export const installPlan = object('What an installation would do.', {
  type: doc('`gpt`, `dos` (an MBR) or `own` partitions.', z.enum(['gpt', 'dos', 'own'])),
  device: optional(object('The disk that is written.', {
    path: z.string(), bytes: z.number(), model: z.string(), serial: z.string(), transport: z.string(),
    contents: doc('What is on it and is lost, a line each.', list(z.string())),
  })),
  medium: optional(object('What is installed.', { source: z.string(), version: z.string(), flavour: z.string(), rootHash: z.string(), bytes: z.number() })),
  partitions: doc('What is made, or written to.', list(z.readonly(z.strictObject({ path: optional(z.string()), label: z.string(), startBytes: z.number(), bytes: z.number() })))),
  append: doc('Kernel parameters of one\'s own.', list(z.string())),
  cloudConfig: object('What the installed machine is configured with.', { origin: z.string(), problems: list(configProblem) }),
  images: doc('Images that come along.', list(z.string())),
  notes: doc('What one should know.', list(z.string())),
  refusals: doc('Why it is not done; empty when it can be.', list(refusal)),
  digest: doc('Names this plan.', z.string()),
});

export const installResult = object('What was installed.', {
  device: optional(z.string()), version: z.string(), rootHash: z.string(), bytesWritten: z.number(), tookMs: z.number(),
  steps: list(z.readonly(z.strictObject({ name: z.string(), tookMs: z.number() }))),
  reboots: doc('The machine restarts now.', z.boolean()),
});

export const installEvent = doc('A line while something is installed. The last is `done` or `failed`.', z.discriminatedUnion('kind', [
  z.readonly(z.strictObject({ kind: z.literal('progress'), step: z.string(), doneBytes: z.number(), totalBytes: z.number() })),
  z.readonly(z.strictObject({ kind: z.literal('done'), result: installResult })),
  z.readonly(z.strictObject({ kind: z.literal('failed'), error: refusal })),
]));

const bootParameterFields = {
  device: doc('The boot partition.', z.string()),
  parameters: doc('The administrator\'s own, without those of the boot menu.', list(z.string())),
  digest: doc('Of the file that they are in.', z.string()),
};

export const bootParameters = object('The kernel parameters that the boot loader of an installed machine passes.', bootParameterFields);

export const bootParametersRequest = object('Kernel parameters in the place of those that are there.', {
  parameters: list(z.string()),
  digest: optional(doc('As it was when they were read: when the file is another one by now, nothing is done.', z.string())),
});

export const bootParametersChange = object('What became of a change to the kernel parameters.', {
  ...bootParameterFields,
  written: doc('Whether the file was written: not when it says so already.', z.boolean()),
  problems: doc('What is wrong with those that are configuration.', list(configProblem)),
});
