/**
 * Applying a configuration, for good or on trial. What is gone back to is the text that was in force, not the one in the
 * file: who sets values first and then applies them on trial gets back the machine as it ran.
 */
import { join } from 'node:path';
import type { ConfigApplied, ConfigPlan, ConfigProblem, ConfigProposal } from '../api/types.ts';
import { changeConfig, configFile, mergeInYaml, parseLayer, readConfigFile, settingsOf, unbroken } from '../config/index.ts';
import { causeOf, RosError } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import { readTextFile, writeFileAtomic } from '../sys/files.ts';
import { bootId } from '../sys/proc.ts';
import { applyConfig } from './apply/apply.ts';
import type { ApplyResult } from './apply/part.ts';
import { planChanges } from './apply/parts.ts';
import { inputProblems, placeOf, type ConfigPlace } from './config-admin.ts';
import { forgetTrial, putBack, readTrial, writeTrial, type Trial } from './config-trial.ts';
import { paths, type Machine } from './machine.ts';

export type Applied = { readonly applied: ConfigApplied } | { readonly problems: readonly ConfigProblem[] };

/** What it needs besides the files: tests bring their own. */
export interface ApplyPlace extends ConfigPlace {
  /** Keeps the text that is in force, for this boot. */
  readonly inForceFile: string;
  apply(this: void, report?: (line: string) => void): Promise<ApplyResult>;
  bootId(this: void): Promise<string>;
}

function problemsOf({ text, origin = 'the input' }: ConfigProposal): readonly ConfigProblem[] | undefined { return text === undefined ? undefined : inputProblems(text, origin); }

function applyPlaceOf(machine: Machine): ApplyPlace {
  return { ...placeOf(machine), inForceFile: join(paths.run, 'cloud-config-in-force.yml'), apply: (report) => applyConfig(machine, report), bootId };
}

export const trialSeconds = { minimum: 10, maximum: 3600 } as const;
/** While a trial is applied, until its own time begins. */
const applyingMs = 300_000;
/** The end of a trial that failed is tried again. */
const retryMs = 10_000;
const maxTextBytes = 2 * 1024 * 1024;

export class ConfigApply {
  readonly #machine: Machine;
  readonly #place: ApplyPlace;
  /** A trial does not begin while another one ends. */
  readonly #oneAtATime = new Turns(1);
  #cancelEnd: () => void = () => undefined;

  constructor(machine: Machine, place: ApplyPlace = applyPlaceOf(machine)) {
    this.#machine = machine;
    this.#place = place;
  }

  /** To be called once the machine has booted: what the file says is in force, and a trial that was under way goes on. */
  async start(): Promise<void> {
    const { directory } = this.#place;
    const trial = await readTrial(directory);
    if (trial !== undefined) this.#endAt(trial.endsAtMs);
    else if (await this.#inForce() === undefined) await this.#noteInForce();
  }

  async plan(proposal: ConfigProposal): Promise<ConfigPlan> {
    const { applied, unfinished } = this.#machine;
    if (applied === undefined) throw new RosError('ERR_ROS_BUSY', 'cannot plan changes: the machine is still booting');
    const wrong = problemsOf(proposal);
    if (wrong !== undefined) return { valid: false, problems: wrong, changes: [] };
    const text = await this.#proposed(proposal);
    const { problems } = parseLayer(text, configFile);
    const valid = problems.every(({ severity }) => severity !== 'error');
    const { config } = await this.#place.load(text);
    return { valid, problems, changes: valid ? planChanges(applied, settingsOf(config), unfinished) : [] };
  }

  /** Saves the proposal, when there is one, and puts it into effect. Nothing is done when it has errors. */
  async apply(proposal: ConfigProposal, report: (line: string) => void): Promise<Applied> {
    return this.#oneAtATime.take(0, async () => {
      const { directory } = this.#place;
      if (this.#machine.applied === undefined) throw new RosError('ERR_ROS_BUSY', 'cannot apply the configuration: the machine is still booting');
      if (await readTrial(directory) !== undefined) throw new RosError('ERR_ROS_CONFIG', 'cannot apply the configuration: another one is on trial', { hint: '`ros config confirm` keeps that one, `ros config undo` ends it' });
      const wrong = problemsOf(proposal);
      if (wrong !== undefined) return { problems: wrong };
      const { trySeconds } = proposal;
      const text = await this.#proposed(proposal);
      const begin = trySeconds === undefined ? undefined : (before: string) => this.#beginTrial(before);
      const changed = await changeConfig(directory, () => text, {
        why: trySeconds === undefined ? 'apply' : 'apply on trial', inTrial: true, now: () => this.#machine.clock.now(), ...(begin !== undefined && { beforeWriting: begin }),
      });
      if (!changed.valid) return { problems: changed.problems };
      const { changes, needsReboot } = await this.#place.apply(report);
      const done = { changes, needsReboot, ...(changed.version !== undefined && { version: changed.version }) };
      if (trySeconds === undefined) { await this.#noteInForce(); return { applied: done }; }
      return { applied: { ...done, trialMs: await this.#countDown(trySeconds) } };
    });
  }

  /** Keeps what is on trial. */
  async confirm(): Promise<{ readonly notes: readonly string[] }> {
    return this.#oneAtATime.take(0, async () => {
      if (await readTrial(this.#place.directory) === undefined) throw new RosError('ERR_ROS_NO_TRIAL', 'cannot confirm the configuration: none is on trial', { hint: 'was its time over? `ros config history` tells' });
      this.#cancelEnd();
      await forgetTrial(this.#place.directory);
      await this.#noteInForce();
      this.#machine.warnings.delete('trial');
      this.#machine.refreshLogin();
      return { notes: ['the configuration is kept'] };
    });
  }

  /** Ends a trial now: what was in force before it is again. False when there is none. */
  async endTrial(why: string, onlyWhenDue = false): Promise<boolean> {
    return this.#oneAtATime.take(0, async () => {
      const trial = await readTrial(this.#place.directory);
      if (trial === undefined || (onlyWhenDue && trial.endsAtMs > this.#machine.clock.uptimeMs())) return false;
      this.#cancelEnd();
      await putBack(this.#place.directory, trial, why);
      await this.#place.apply();
      await forgetTrial(this.#place.directory);
      await this.#noteInForce();
      this.#machine.warnings.delete('trial');
      return true;
    });
  }

  async #proposed({ text, replace }: ConfigProposal): Promise<string> {
    const before = await readConfigFile(this.#place.directory);
    if (text === undefined) return before;
    return replace === true || text.trim() === '' ? text : mergeInYaml(unbroken(before, configFile), text);
  }

  async #beginTrial(inFile: string): Promise<void> {
    const before = await this.#inForce() ?? inFile;
    const { clock } = this.#machine;
    const trial: Trial = { before, bootId: await this.#place.bootId(), endsAtMs: clock.uptimeMs() + applyingMs };
    await writeTrial(this.#place.directory, trial);
    this.#endAt(trial.endsAtMs);
  }

  /** From now on its time counts: that of applying was not the user's. */
  async #countDown(seconds: number): Promise<number> {
    const { clock } = this.#machine;
    const trial = await readTrial(this.#place.directory);
    if (trial === undefined) return 0;
    const endsAtMs = clock.uptimeMs() + seconds * 1000;
    await writeTrial(this.#place.directory, { ...trial, endsAtMs });
    this.#endAt(endsAtMs);
    return seconds * 1000;
  }

  #endAt(endsAtMs: number): void {
    const { clock, log, warnings, refreshLogin } = this.#machine;
    this.#cancelEnd();
    warnings.set('trial', 'A configuration is on trial: `sudo ros config confirm` keeps it, else the one from before comes back.');
    refreshLogin();
    this.#cancelEnd = clock.after(Math.max(0, endsAtMs - clock.uptimeMs()), () => {
      this.endTrial('undone: not confirmed in time', true).then((ended) => {
        if (!ended) return;
        log.warn('config: the trial was not confirmed in time, the configuration from before is in force again');
        warnings.set('trial', 'A configuration on trial was not confirmed in time: the one from before is in force again.');
        refreshLogin();
      }, (error: unknown) => {
        log.error(`config: the trial could not be undone: ${causeOf(error)}`);
        this.#endAt(clock.uptimeMs() + retryMs);
      });
    });
  }

  async #inForce(): Promise<string | undefined> { return readTextFile(this.#place.inForceFile, maxTextBytes).catch(() => undefined); }

  async #noteInForce(): Promise<void> { await writeFileAtomic(this.#place.inForceFile, await readConfigFile(this.#place.directory), 0o600); }
}
