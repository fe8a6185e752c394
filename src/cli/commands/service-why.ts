import { defineCommand, jsonOption, toJson } from '../command.ts';

export const serviceWhy = defineCommand({
  name: 'service why',
  group: 'Services',
  summary: 'Tell why a service is in the state it is in',
  description: 'Tells in words how a service is and since when, what it waits for, how it last ended (times are UTC), what it\nlogged last, and what to do.',
  operands: { label: 'NAME', min: 1, max: 1 },
  options: { json: jsonOption },
  async run({ names: [name = ''], options }, { io, print, client }) {
    const story = await (await client()).why(name);
    if (options.json === true) return print(toJson(story));
    const { tellStory } = await import('../story.ts');
    return print(tellStory(story, io.now()));
  },
});
