/**
 * Errors a user sees. The message is `cannot <verb> <noun> "<name>": <cause>`; `code` is what programs branch on.
 */
export class RosError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'RosError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The cause of anything thrown, as one line for the end of a `cannot …: <cause>` message. */
export function causeOf(error: unknown): string {
  if (error instanceof Error) return error.message.trim().replaceAll(/\s*\n\s*/g, '; ');
  return String(error);
}
