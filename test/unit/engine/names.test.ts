import { expect, it } from 'vitest';
import { cleanName } from '../../../src/engine/docker-engine.ts';

it('names of containers hold nothing that a terminal would act on', () => {
  expect(cleanName('/web_1.a-b')).toBe('web_1.a-b');
  expect(cleanName(`/a\u001b[2Jb\nc${'x'.repeat(200)}`)).toMatch(/^a\?\?2Jb\?cx{119,122}$/);
});
