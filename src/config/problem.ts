/**
 * What is wrong with a configuration, as a value. A problem never holds a configured value: messages speak of keys and
 * types only, because they end up in logs and at the login prompt and a value may be a password.
 */
export interface Problem {
  /**
   * An `error` means something was not used; a `warning` that it was used, or can be ignored safely; a `note` that
   * everything is right, and a key not in effect: for whoever asks, not for logs and login.
   */
  readonly severity: 'error' | 'warning' | 'note';
  /** The file, `kernel parameters` or the datasource it is about. */
  readonly source: string;
  /** Dotted path of the key, when one is to blame. */
  readonly path?: string;
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  /** The line at fault with its value masked, and a caret below the column. */
  readonly snippet?: string;
}

/** One line for logs and for login: `"FILE", line 3, column 5: rancher.ssh.port: expected …`. */
export function describeProblem(problem: Problem): string {
  const at = problem.line === undefined ? '' : `, line ${problem.line}, column ${problem.column ?? 1}`;
  const key = problem.path === undefined || problem.path === '' ? '' : `${problem.path}: `;
  return `"${problem.source}"${at}: ${key}${problem.message}`;
}

/** A key as it may be printed: user data can make a key of anything, at any length. */
export function printableKey(key: string): string {
  const clean = key.replaceAll(/[^\x20-\x7e]/g, '?');
  return clean.length > 60 ? `${clean.slice(0, 57)}...` : clean;
}
