/** Where in a YAML text its maps, keys and values stand: js-yaml's flat events as a tree of places. Offsets count from 0. */
import { CHOMPING_MODE, COLLECTION_STYLE, EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, type Event, type ScalarEvent } from 'js-yaml';

/** `end` is behind the last character. A value that is left out has neither, a block scalar (`|`) has only an end. */
export type Place =
  | { readonly kind: 'scalar' | 'alias'; readonly start: number; readonly end: number }
  | { readonly kind: 'scalar'; readonly start: undefined; readonly end: number | undefined }
  | { readonly kind: 'list'; readonly start: number; readonly end: number }
  | MapPlace;

export interface MapPlace {
  readonly kind: 'map';
  /** `{…}` rather than lines. */
  readonly isFlow: boolean;
  readonly start: number;
  readonly end: number;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly name: string;
  readonly start: number;
  /** Of the `:` behind the key; undefined where it is written in another way. */
  readonly colon: number | undefined;
  readonly key: Place;
  readonly value: Place;
}

/** What the one document of `text` holds; undefined when that is nothing. Throws js-yaml's error when it is no YAML. */
export function readPlaces(text: string): Place | undefined {
  const events = parseEvents(text, {});
  const first = events.findIndex((event) => event.type !== EVENT_ID.DOCUMENT);
  if (first < 0) return undefined;
  const root = new Reader(text, events, first).read();
  return root.end === undefined ? undefined : root;
}

class Reader {
  readonly #text: string;
  readonly #events: readonly Event[];
  #index: number;

  constructor(text: string, events: readonly Event[], index: number) {
    this.#text = text;
    this.#events = events;
    this.#index = index;
  }

  /** The node that begins at the next event. */
  read(): Place {
    const event = this.#events[this.#index++];
    switch (event?.type) {
      case EVENT_ID.SCALAR: return scalarPlace(this.#text, event);
      case EVENT_ID.ALIAS: return { kind: 'alias', start: event.anchorStart - 1, end: event.anchorEnd };
      case EVENT_ID.SEQUENCE: {
        const items = this.#untilPop(() => this.read().end);
        return { kind: 'list', start: event.start, end: this.#endOf(event.start, event.style === COLLECTION_STYLE.FLOW, items) };
      }
      case EVENT_ID.MAPPING: {
        const isFlow = event.style === COLLECTION_STYLE.FLOW;
        const entries = this.#untilPop(() => this.#entry(event.start));
        const ends = entries.map(({ key, colon, value }) => value.end ?? (colon === undefined ? key.end : colon + 1));
        return { kind: 'map', isFlow, start: event.start, end: this.#endOf(event.start, isFlow, ends), entries };
      }
      default: return { kind: 'scalar', start: undefined, end: undefined };
    }
  }

  #entry(mapStart: number): Entry {
    const event = this.#events[this.#index];
    const key = this.read();
    const value = this.read();
    const name = event?.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : '';
    const colon = key.end === undefined ? undefined : match(this.#text, key.end, /[ \t]*:/y);
    return { name, start: key.start ?? mapStart, colon: colon === undefined ? undefined : colon - 1, key, value };
  }

  #untilPop<T>(read: () => T): T[] {
    const found: T[] = [];
    while (this.#index < this.#events.length && this.#events[this.#index]?.type !== EVENT_ID.POP) found.push(read());
    this.#index += 1;
    return found;
  }

  /** The parser does not tell where a collection ends: a block does with its last part, `{…}` and `[…]` with their bracket. */
  #endOf(start: number, isFlow: boolean, ends: readonly (number | undefined)[]): number {
    const last = Math.max(start + 1, ...ends.map((end) => end ?? 0));
    return isFlow && /[{[]/.test(this.#text.charAt(start)) ? match(this.#text, last, /(?:[\s,:?]|#.*)*[\]}]/y) ?? last : last;
  }
}

function scalarPlace(text: string, event: ScalarEvent): Place {
  const { valueStart, valueEnd, style, anchorStart, anchorEnd, tagStart, tagEnd } = event;
  const quote = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED ? 1 : 0;
  if (style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK) return { kind: 'scalar', start: undefined, end: blockEnd(text, event) };
  const starts = [anchorStart < 0 ? -1 : anchorStart - 1, tagStart, valueStart < 0 ? -1 : valueStart - quote].filter((start) => start >= 0);
  const end = Math.max(anchorEnd, tagEnd, valueEnd < 0 ? -1 : valueEnd + quote);
  return starts.length === 0 ? { kind: 'scalar', start: undefined, end: undefined } : { kind: 'scalar', start: Math.min(...starts), end };
}

/** Blank lines behind a block scalar are its own only when it keeps them (`|+`). */
function blockEnd(text: string, { valueStart, valueEnd, chomping }: ScalarEvent): number {
  const body = text.slice(valueStart, valueEnd);
  if (chomping === CHOMPING_MODE.KEEP && body !== '') return valueEnd - (body.endsWith('\n') ? 1 : 0);
  return text.slice(0, valueStart + body.length).replace(/[ \t\r\n]+$/, '').length;
}

/** Where `pattern`, which is sticky, ends when it begins at `start`. */
function match(text: string, start: number, pattern: RegExp): number | undefined {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
