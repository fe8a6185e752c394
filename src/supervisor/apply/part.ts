/** The shapes of putting a configuration into effect. */
import type { Settings } from '../../config/index.ts';
import type { Machine } from '../machine.ts';

/** When a change of a part is in effect: at once; at once, and services go down and up for it; or from the next boot on. */
export type Effect = 'now' | 'restarts' | 'reboot';

/** One part of the running machine that follows the configuration. */
export interface Part {
  readonly name: string;
  /** The keys of the configuration that it follows, dotted, for telling. */
  readonly keys: readonly string[];
  /** What it takes of the settings, as JSON: two that are equal need no work. */
  of(settings: Settings): unknown;
  readonly effect: Effect;
  /** The services that go down and up for a change; `apply` does it. */
  readonly restarts?: readonly string[];
  /** The change in words, when the keys' names do not say enough. Never a value that may be secret. */
  what?(before: Settings, after: Settings): string;
  /** What boot does for it beside System Docker's start, before any service; absent when a phase of its own does. Throws as `apply` does. */
  boot?(machine: Machine, settings: Settings): Promise<void>;
  /** What of it lives in the supervisor's own process: done at boot and before `apply`, and again by a supervisor that takes over. */
  adopt?(settings: Settings): Promise<void> | void;
  /** Makes the running machine as `after` says, whatever of `before` is in force; not called for `reboot`. Throws when something of it could not be done, in words for a user. */
  apply(machine: Machine, before: Settings, after: Settings): Promise<void>;
}

/** What `ros config apply` would do to one part. */
export interface Change {
  readonly part: string;
  readonly keys: readonly string[];
  readonly effect: Effect;
  readonly restarts: readonly string[];
  readonly what: string;
}

export interface ApplyResult {
  /** In the order in which they were done; `detail` is the change in words, or why it failed. */
  readonly changes: readonly { readonly part: string; readonly ok: boolean; readonly detail: string }[];
  /** Parts whose change is in effect from the next boot on. */
  readonly needsReboot: readonly string[];
}
