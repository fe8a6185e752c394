/** The one error of the build: `cannot <verb> <noun> "<name>": <cause>`, and what to do about it where that is known. */
export class BuildError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { readonly cause?: unknown; readonly hint?: string } = {}) {
    super(message, { cause: options.cause });
    this.name = 'BuildError';
    this.hint = options.hint;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
