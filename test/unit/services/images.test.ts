import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createLogBook } from '../../../src/lib/log.ts';
import { authFor, Images } from '../../../src/services/images.ts';
import { FakeEngine } from './fake-engine.ts';

const { log } = createLogBook(systemClock, 'error');
const order = (image: string) => ({ name: 'x', image });

/** An engine, and a folder of archives with `brings` in it. */
function make(brings: Readonly<Record<string, string>>) {
  const engine = new FakeEngine();
  const asked: string[] = [];
  const images = new Images({
    clock: systemClock, log, auths: () => ({}),
    archives: async (_engine, reference) => {
      asked.push(reference);
      const id = brings[reference];
      if (id !== undefined) engine.images.set(reference, id);
    },
  });
  return { engine, asked, images };
}

describe('an image of the system\'s own name', () => {
  it('comes out of an archive when it is not here', async () => {
    const { engine, asked, images } = make({ 'corralos/addon:v1': 'sha256:7' });
    expect(await images.ensure(engine, order('corralos/addon:v1'), 5, () => undefined)).toBe('sha256:7');
    expect(await images.ensure(engine, order('corralos/addon:v1'), 5, () => undefined)).toBe('sha256:7');
    expect(asked).toEqual(['corralos/addon:v1']);
  });

  it('is never asked of a registry, where the name may be anybody\'s', async () => {
    const { engine, images } = make({});
    engine.registry.set('corralos/addon:v1', 'sha256:evil');
    await expect(images.ensure(engine, order('corralos/addon:v1'), 5, () => undefined)).rejects.toMatchObject({
      message: expect.stringContaining('images named "corralos/" come with the system, and this one does not'),
      hint: expect.stringContaining('/var/lib/rancher/preload/system-docker'),
    });
    expect(engine.images.has('corralos/addon:v1')).toBe(false);
  });

  it('is the only one for which archives are opened', async () => {
    const { engine, asked, images } = make({});
    engine.registry.set('web:1', 'sha256:8');
    expect(await images.ensure(engine, order('web:1'), 1, () => undefined)).toBe('sha256:8');
    expect(asked).toEqual([]);
  });
});

it('images are asked for with the credentials of their registry', () => {
  const auths = { 'reg.example:5000': { username: 'u', password: 'p' }, 'docker.io': { auth: Buffer.from('me:a:b').toString('base64') } };
  expect(authFor('reg.example:5000/x/y:1', auths)).toEqual({ username: 'u', password: 'p' });
  expect(authFor('library/busybox', auths)).toEqual({ username: 'me', password: 'a:b' });
  expect(authFor('other.example/x', auths)).toBeUndefined();
});
