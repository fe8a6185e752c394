import { StringDecoder } from 'node:string_decoder';

const maxLineLength = 1024 * 1024;

/** The values of newline-delimited JSON as they come. Ends quietly where the stream ends, also in the middle of a line. */
export async function* parseNdjson<T>(stream: AsyncIterable<Buffer>): AsyncGenerator<T> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as T;
    if (rest.length > maxLineLength) throw new Error('a line of the stream is too long');
  }
}
