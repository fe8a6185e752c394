import { describe, expect, it } from 'vitest';
import { isLoaded } from '../../../../src/supervisor/phases/preload.ts';

describe('the mark beside an archive', () => {
  const mark = '30 17\nLoaded image: corralos/x:v1\nLoaded image: tiny:latest\n';

  it('counts for the file that it was made of, and for no other of that name', () => {
    expect(isLoaded(mark, '30 17')).toBe(true);
    expect(isLoaded(mark, '30 1')).toBe(false);
    expect(isLoaded(mark, '31 17')).toBe(false);
    expect(isLoaded(undefined, '30 17')).toBe(false);
  });

  it('does not keep an image away that is missing and came out of it', () => {
    expect(isLoaded(mark, '30 17', 'corralos/x:v1')).toBe(false);
    expect(isLoaded(mark, '30 17', 'tiny:latest')).toBe(false);
    expect(isLoaded(mark, '30 17', 'corralos/x:v2')).toBe(true);
    expect(isLoaded(mark, '30 17', 'os/x:v1')).toBe(true);
  });
});
