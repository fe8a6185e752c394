/**
 * What an engine may answer. User Docker is the plane's, and root of a container can put itself in its place: an answer that never ends must not
 * cost the supervisor its memory. The client gathers answers whole, so they are counted here, before it does.
 */
import { Agent, type AgentOptions, type ClientRequest, type IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import { RosError } from '../lib/errors.ts';

/** Far above a list of thousands of containers. */
export const answerLimit = 32 * 1024 * 1024;

/** Answers that are read as they come, line by line, and are as long as they are. */
const streams = /^(?:\/v[\d.]+)?\/(?:events|build|images\/(?:create|load)|containers\/[^/]+\/(?:logs|archive|attach)|exec\/)/;

export class BoundedAgent extends Agent {
  readonly #limit: number;

  constructor(limit = answerLimit, options: AgentOptions = {}) {
    super(options);
    this.#limit = limit;
  }

  /** Node's own hook for each request; not in its types. */
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    if (!streams.test(request.path)) request.prependListener('response', (answer: IncomingMessage) => { this.#bound(request, answer); });
    (Agent.prototype as unknown as { addRequest(request: ClientRequest, ...rest: unknown[]): void }).addRequest.call(this, request, ...rest);
  }

  /**
   * docker-modem describes each request for a log that is off, with this agent and all of its sockets: until this was here that took
   * 30 of the 49 s in which the supervisor was busy in the first 90 s of an emulated boot (by V8's profiler).
   */
  [inspect.custom](): string { return 'BoundedAgent'; }

  #bound(request: ClientRequest, answer: IncomingMessage): void {
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= this.#limit || answer.destroyed) return;
      answer.on('error', () => undefined);
      answer.destroy();
      // Whoever waits for the answer listens to its request.
      request.emit('error', new RosError('ERR_ROS_ENGINE', `its answer is longer than ${this.#limit / 1024 / 1024} MB`));
    });
  }
}
