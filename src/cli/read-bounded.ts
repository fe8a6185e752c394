/** All of a stream as text. Fails when it is longer than `limit` bytes: it may be a device that never ends. */
export async function readBounded(stream: AsyncIterable<Buffer | string>, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as string);
    length += bytes.length;
    if (length > limit) throw new Error(`it is larger than ${limit / 1024} KiB`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
