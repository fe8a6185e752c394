/** The globs of os.yml and image.yml: `*` within a name, `**` any depth, `{a,b}` either, `?` one character. No classes: `[` is a program. */

/** Tells whether a path, or a folder above it, matches one of the globs. */
export function globMatcher(globs: readonly string[]): (path: string) => boolean {
  if (globs.length === 0) return () => false;
  const expression = new RegExp(`^(?:${globs.map(globToRegExp).join('|')})(?:/.*)?$`);
  return (path) => expression.test(path);
}

function globToRegExp(glob: string): string {
  let depth = 0;
  return glob.replaceAll(/\*\*\/|\*\*|[*?{},.+^$()|[\]\\]/g, (token) => {
    switch (token) {
      case '**/': return '(?:.*/)?';
      case '**': return '.*';
      case '*': return '[^/]*';
      case '?': return '[^/]';
      case '{': depth += 1; return '(?:';
      case '}': depth -= 1; return ')';
      case ',': return depth > 0 ? '|' : ',';
      default: return `\\${token}`;
    }
  });
}
