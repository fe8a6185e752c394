/** What every drawing needs. */

export function line(x1: number, y1: number, x2: number, y2: number, colour: string, more = ''): string {
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" stroke="${colour}"${more}/>`;
}

export function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function shorten(name: string, length: number): string {
  return name.length > length ? `${name.slice(0, length - 1)}…` : name;
}

/** For text and attributes; characters that XML cannot hold at all are dropped. */
export function escape(text: string): string {
  const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/g, '').replaceAll(/[&<>"]/g, (character) => escapes[character] ?? '');
}
