/**
 * Small files over HTTP. Through node:http itself: global fetch would load undici, megabytes that stay for as long as the
 * supervisor lives. Whoever answers is not trusted: time, size and redirects are bounded.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../lib/clock.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { version } from '../lib/version.ts';
import { readTextFile } from './files.ts';

export interface FetchOptions {
  /** GET unless given. */
  readonly method?: 'GET' | 'PUT';
  /** Sent to the host of the URL only: not to where it redirects to. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The URL as messages may show it; without name and password unless given. */
  readonly shown?: string;
  /** Of the copy that is here: the text is sent only when it differs. */
  readonly etag?: string | undefined;
  /** For one try, with its redirects and its text. */
  readonly timeoutMs?: number;
  /** Further tries after the first; only for what may get better by itself. */
  readonly retries: number;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Told before every pause: `cannot fetch "…": …, next try in 2 s`. */
  readonly onRetry?: ((message: string) => void) | undefined;
  /** Who may sign servers' certificates; Node's own list where there is no such file. */
  readonly caFile?: string;
}

type FetchedAs<Content> = ({ readonly status: 'fresh'; readonly etag?: string } & Content) | { readonly status: 'unchanged' };
export type Fetched = FetchedAs<{ readonly text: string }>;
export type FetchedBytes = FetchedAs<{ readonly bytes: Buffer }>;

const defaultTimeoutMs = 10_000;
const maxRedirects = 5;
const firstPauseMs = 1000;
const lastPauseMs = 30_000;
const systemCaFile = '/etc/ssl/certs/ca-certificates.crt';
const maxCaBytes = 4 * 1024 * 1024;

/** Why a try failed, in words, and whether another one could do better. */
class FetchFailure extends Error {
  readonly code: 'ERR_ROS_FETCH' | 'ERR_ROS_NOT_FOUND' | 'ERR_ROS_TOO_LARGE';
  readonly mayGetBetter: boolean;
  readonly httpStatus: number | undefined;
  constructor(message: string, options: { code?: FetchFailure['code']; mayGetBetter?: boolean; httpStatus?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = options.code ?? 'ERR_ROS_FETCH';
    this.mayGetBetter = options.mayGetBetter ?? false;
    this.httpStatus = options.httpStatus;
  }
}

/**
 * The UTF-8 text at an http or https URL. Throws `cannot fetch "<url>": <cause>`: ERR_ROS_NOT_FOUND when the server has
 * no such file, ERR_ROS_TOO_LARGE, or ERR_ROS_FETCH.
 */
export async function fetchText(url: string, options: FetchOptions): Promise<Fetched> {
  return fetchAs(url, options, (bytes) => ({ text: decode(bytes) }));
}

/** What is at an http or https URL, whatever it is; throws as `fetchText` does. */
export async function fetchBytes(url: string, options: FetchOptions): Promise<FetchedBytes> {
  return fetchAs(url, options, (bytes) => ({ bytes }));
}

async function fetchAs<Content>(url: string, options: FetchOptions, convert: (bytes: Buffer) => Content): Promise<FetchedAs<Content>> {
  for (let pauseMs = firstPauseMs, left = options.retries; ; pauseMs = Math.min(pauseMs * 2, lastPauseMs), left -= 1) {
    try {
      return await tryOnce(url, options, convert);
    } catch (error) {
      const failure = asFailure(error);
      const message = `cannot fetch "${options.shown ?? withoutUserinfo(url)}": ${failure.message}`;
      if (!failure.mayGetBetter || left <= 0 || options.signal?.aborted === true) throw new RosError(failure.code, message, { cause: error });
      options.onRetry?.(`${message}, next try in ${pauseMs / 1000} s`);
      await options.clock.sleep(pauseMs, options.signal).catch(() => undefined); // cancelled: the next try says so at once
    }
  }
}

/** The HTTP status that an error of `fetchText` or `fetchBytes` is about; undefined when it is about something else. */
export function httpStatusOf(error: unknown): number | undefined {
  const cause: unknown = error instanceof RosError ? error.cause : undefined;
  return cause instanceof FetchFailure ? cause.httpStatus : undefined;
}

/** A URL as it may be shown: a name and a password in it are nobody's business. */
export function withoutUserinfo(url: string): string {
  return url.replace(/^(\s*[a-z][a-z0-9+.-]*:[/\\]*)[^/\\?#]*@/i, '$1');
}

/** One try, all its redirects in the same time. */
async function tryOnce<Content>(url: string, options: FetchOptions, convert: (bytes: Buffer) => Content): Promise<FetchedAs<Content>> {
  const { clock, timeoutMs = defaultTimeoutMs } = options;
  const late = new AbortController();
  const cancel = clock.after(timeoutMs, () => { late.abort(); });
  const signal = options.signal === undefined ? late.signal : AbortSignal.any([late.signal, options.signal]);
  try {
    const first = parseUrl(url);
    let at = first;
    for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
      const answer = await get(at, at.origin === first.origin ? options : { ...options, headers: {} }, signal);
      const next = redirectOf(answer, at);
      if (next === undefined) return await read(answer, options, convert);
      answer.destroy();
      at = next;
    }
    throw new FetchFailure(`it redirects more than ${maxRedirects} times`);
  } catch (error) {
    if (options.signal?.aborted === true) throw new FetchFailure('cancelled', { cause: error });
    if (late.signal.aborted) throw new FetchFailure(`no answer within ${timeoutMs / 1000} s`, { mayGetBetter: true, cause: error });
    throw error;
  } finally {
    cancel();
  }
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url === undefined) throw new FetchFailure(base === undefined ? 'it is not a URL' : 'it redirects to what is not a URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new FetchFailure(`it ${base === undefined ? 'begins with' : 'redirects to'} "${url.protocol}", not with http: or https:`);
  return url;
}

let proxies: Readonly<Record<string, string>> = {};

/** `http_proxy` and the like, for everything that is fetched from now on. Hosts of `no_proxy` are asked directly. */
export function setProxies(variables: Readonly<Record<string, string>>): void { proxies = variables; }

function agentFor(isSecure: boolean): Agent | false {
  if (Object.keys(proxies).length === 0) return false;
  return new (isSecure ? SecureAgent : Agent)({ proxyEnv: { ...proxies } });
}

/** The answer's head. A connection is used once: what is fetched here is little and seldom. */
async function get(url: URL, options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  const ca = isSecure ? await readTextFile(options.caFile ?? systemCaFile, maxCaBytes) : undefined;
  return new Promise((resolve, reject) => {
    (isSecure ? httpsRequest : httpRequest)(url, {
      agent: agentFor(isSecure),
      signal,
      method: options.method ?? 'GET',
      headers: {
        ...options.headers,
        'accept-encoding': 'identity',
        'user-agent': `CorralOS/${version.replace(/^v/, '')}`,
        ...(options.etag === undefined ? {} : { 'if-none-match': options.etag }),
      },
      ...(ca === undefined ? {} : { ca }),
    }).on('response', resolve).on('error', reject).end();
  });
}

function redirectOf({ statusCode = 0, headers: { location } }: IncomingMessage, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode)) return undefined;
  if (location === undefined) throw new FetchFailure('it redirects to nowhere');
  const to = parseUrl(location, from);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw new FetchFailure('it redirects from https to http, where anybody could change it');
  return to;
}

async function read<Content>(answer: IncomingMessage, { etag, maxBytes }: FetchOptions, convert: (bytes: Buffer) => Content): Promise<FetchedAs<Content>> {
  const { statusCode = 0, headers } = answer;
  if (statusCode !== 200) {
    answer.destroy();
    if (statusCode === 304 && etag !== undefined) return { status: 'unchanged' };
    if (statusCode === 404 || statusCode === 410) throw new FetchFailure(`there is no such file (HTTP status ${statusCode})`, { code: 'ERR_ROS_NOT_FOUND', httpStatus: statusCode });
    throw new FetchFailure(`HTTP status ${statusCode}`, { mayGetBetter: statusCode >= 500 || statusCode === 429 || statusCode === 408, httpStatus: statusCode });
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new FetchFailure(`it is larger than ${maxBytes} bytes`, { code: 'ERR_ROS_TOO_LARGE' });
    chunks.push(chunk);
  }
  return { status: 'fresh', ...convert(Buffer.concat(chunks)), ...(headers.etag === undefined ? {} : { etag: headers.etag }) };
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FetchFailure('it is not UTF-8 text');
  }
}

/** What a failing connection means; those without words of ours say it themselves. All of them may pass. */
const connectionFailures: Readonly<Record<string, string | undefined>> = {
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'no name server answers',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed before all had come',
  EPIPE: 'the connection was closed before all had come',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'the network is down',
  ETIMEDOUT: 'the connection timed out',
  // By a clock that NTP has not set yet.
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is the clock right?',
};

function asFailure(error: unknown): FetchFailure {
  if (error instanceof FetchFailure) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  const words = connectionFailures[code];
  // The error of a host with several addresses has no message of its own.
  return new FetchFailure(words ?? (causeOf(error) || code), { mayGetBetter: words !== undefined, cause: error });
}
