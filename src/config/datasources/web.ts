/** HTTP for datasources, over `sys/http.ts`: one try, 404 as an answer, and no tokens in messages. */
import type { Clock } from '../../lib/clock.ts';
import { fetchBytes, httpStatusOf } from '../../sys/http.ts';
import { maxConfigBytes } from '../load.ts';
import type { Web } from './datasource.ts';
import { shownUrl } from './url.ts';

/** What a service next door may take. */
const defaultTimeoutMs = 5000;

export function createWeb(clock: Clock, signal: AbortSignal): Web {
  return {
    async get(url, { method = 'GET', headers = {}, timeoutMs = defaultTimeoutMs } = {}) {
      try {
        const fetched = await fetchBytes(url, { method, headers, timeoutMs, clock, signal, retries: 0, maxBytes: maxConfigBytes * 2, shown: shownUrl(url) });
        return fetched.status === 'fresh' ? fetched.bytes : undefined;
      } catch (error) {
        if (httpStatusOf(error) === 404) return undefined;
        throw error;
      }
    },
  };
}
