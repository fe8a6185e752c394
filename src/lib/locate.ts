/** Where in a YAML text a key stands. Only asked for when there is a problem to report, so it parses again. */
import { EVENT_ID, getScalarValue, parseEvents, type Event } from 'js-yaml';

export interface Position { readonly line: number; readonly column: number }

/** The position of the key (or list item) at `path`, or of the deepest ancestor of it that the text spells out. */
export function locate(text: string, path: readonly PropertyKey[]): Position | undefined {
  return locator(text)(path);
}

/** As `locate`, for many paths of one text: it is parsed when the first is asked for. */
export function locator(text: string): (path: readonly PropertyKey[]) => Position | undefined {
  let events: readonly Event[] | undefined;
  return (path) => {
    events ??= eventsOf(text);
    const first = events.findIndex((event) => event.type !== EVENT_ID.DOCUMENT);
    const offset = offsetOf(text, events, first, path.map(String));
    return offset === undefined ? undefined : positionOf(text, offset);
  };
}

function eventsOf(text: string): Event[] {
  try { return parseEvents(text, {}); } catch { return []; }
}

function offsetOf(text: string, events: readonly Event[], start: number, path: readonly string[]): number | undefined {
  let index = start;
  let found: number | undefined;
  for (const step of path) {
    const container = events[index];
    if (container?.type !== EVENT_ID.MAPPING && container?.type !== EVENT_ID.SEQUENCE) return found;
    const isMapping = container.type === EVENT_ID.MAPPING;
    let position = 0;
    let child = index + 1;
    index = -1;
    while (child < events.length && events[child]?.type !== EVENT_ID.POP) {
      const event = events[child];
      if (isMapping) {
        const value = skip(events, child);
        if (event?.type === EVENT_ID.SCALAR && getScalarValue(text, event) === step) [found, index] = [event.valueStart, value];
        child = skip(events, value);
      } else {
        if (String(position++) === step) [found, index] = [startOf(event) ?? found, child];
        child = skip(events, child);
      }
      if (index !== -1) break;
    }
    if (index === -1) return found;
  }
  return found;
}

/** The index after the node that begins at `index`. */
function skip(events: readonly Event[], index: number): number {
  let depth = 0;
  do {
    const type = events[index++]?.type;
    if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
    else if (type === EVENT_ID.POP) depth--;
  } while (depth > 0 && index < events.length);
  return index;
}

function startOf(event: Event | undefined): number | undefined {
  if (event?.type === EVENT_ID.SCALAR) return event.valueStart;
  if (event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE) return event.start;
  return event?.type === EVENT_ID.ALIAS ? event.anchorStart : undefined;
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}
