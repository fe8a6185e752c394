const mib = 1024 * 1024;

/**
 * The lines of a stream that somebody else writes: a reader that waits for the end of each takes all memory for one that does not end. One that is longer than
 * `maxBytes` makes it throw, or is cut there and its rest left out.
 */
export async function* boundedLines(stream: AsyncIterable<Buffer | string>, { maxBytes = mib, longer = 'throw' }: { readonly maxBytes?: number; readonly longer?: 'throw' | 'cut' } = {}): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const add = (chunk: Buffer): void => {
    const room = maxBytes - bytes;
    if (chunk.length > room && longer === 'throw') throw new Error(`a line is longer than ${maxBytes} bytes`);
    const kept = chunk.subarray(0, room);
    if (kept.length > 0) parts.push(kept);
    bytes += kept.length;
  };
  const take = (): string => {
    const line = Buffer.concat(parts).toString().replace(/\r$/, '');
    parts = [];
    bytes = 0;
    return line;
  };
  for await (const piece of stream) {
    let chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece);
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10)) {
      add(chunk.subarray(0, end));
      yield take();
      chunk = chunk.subarray(end + 1);
    }
    add(chunk);
  }
  if (bytes > 0) yield take();
}
