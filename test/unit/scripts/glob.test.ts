import { describe, expect, it } from 'vitest';
import { globMatcher } from '../../../scripts/lib/glob.ts';

describe('a glob of os.yml', () => {
  it.each([
    ['usr/share/doc', 'usr/share/doc/x/copyright', true],
    ['usr/share/{doc,man}', 'usr/share/man/man1/x.1', true],
    ['usr/share/{doc,man}', 'usr/share/manual', false],
    ['usr/bin/*', 'usr/bin/sub/x', true], // a folder that matches takes its files along
    ['usr/lib/*.so', 'usr/lib/x/y.so', false],
    ['**/*.{a,h}', 'usr/include/x.h', true],
    ['**/*.a', 'x.a', true],
    ['usr/bin/{[,cat}', 'usr/bin/[', true], // brackets are no classes: there is a program of that name
    ['a,b', 'a,b', true],
  ])('%s on %s', (glob, path, expected) => {
    expect(globMatcher([glob])(path)).toBe(expected);
  });

  it('matches nothing when there is none', () => {
    expect(globMatcher([])('')).toBe(false);
  });
});
