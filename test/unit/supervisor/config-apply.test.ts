import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endTrialAtBoot } from '../../../src/supervisor/config-trial.ts';
import { bench, type Bench } from './config-support.ts';

const quiet = (): void => undefined;
const isOnTrial = ({ conf }: Bench): boolean => existsSync(join(conf, '.trial.json'));

describe('applying', () => {
  it('puts what the file says into effect', async () => {
    const { applier, admin, appliedNames } = await bench();
    await admin.set('hostname', 'b');
    expect(await applier.apply({}, quiet)).toEqual({ applied: { changes: [{ part: 'hostname', ok: true, detail: 'hostname' }], needsReboot: [] } });
    expect(appliedNames).toEqual(['b']);
  });

  it('merges a text first, or puts it in the place of the file', async () => {
    const { applier, read } = await bench('hostname: a\nrancher: {debug: true}\n');
    await applier.apply({ text: 'hostname: b\n' }, quiet);
    expect(read()).toBe('hostname: b\nrancher: {debug: true}\n');
    await applier.apply({ text: 'hostname: c\n', replace: true }, quiet);
    expect(read()).toBe('hostname: c\n');
  });

  it('does nothing of a text with errors, nor of a file with errors', async () => {
    const { applier, read, write, appliedNames } = await bench();
    expect(await applier.apply({ text: 'hostname: [', origin: 'x.yml', trySeconds: 60 }, quiet)).toMatchObject({ problems: [{ severity: 'error', source: 'x.yml' }] });
    expect(read()).toBe('hostname: a\n');
    write('cloud-config.yml', 'hostname: [');
    expect(await applier.apply({}, quiet)).toMatchObject({ problems: [{ severity: 'error' }] });
    expect(appliedNames).toEqual([]);
  });

  it('plans, and changes nothing', async () => {
    const made = await bench();
    expect(await made.applier.plan({ text: 'hostname: [' })).toMatchObject({ valid: false, changes: [] });
    expect(await made.applier.plan({ text: 'hostname: b\n' })).toMatchObject({ valid: true });
    expect(made.read()).toBe('hostname: a\n');
    expect(existsSync(join(made.conf, '.last-good'))).toBe(false);
  });

  it('waits for nobody while the machine boots', async () => {
    const { applier, machine } = await bench();
    machine.applied = undefined;
    await expect(applier.apply({}, quiet)).rejects.toMatchObject({ code: 'ERR_ROS_BUSY' });
    await expect(applier.plan({})).rejects.toMatchObject({ code: 'ERR_ROS_BUSY' });
  });
});

describe('a trial', () => {
  it('is undone when its time is over, and the machine is as before', async () => {
    const made = await bench();
    expect(await made.applier.apply({ text: 'hostname: b\n', trySeconds: 60 }, quiet)).toMatchObject({ applied: { trialMs: 60_000 } });
    expect(made.machine.warnings.get('trial')).toMatch(/on trial/);
    await made.pass(59_000);
    expect(made.read()).toBe('hostname: b\n');
    await made.pass(2000);
    expect(made.read()).toBe('hostname: a\n');
    expect(made.appliedNames).toEqual(['b', 'a']);
    expect(isOnTrial(made)).toBe(false);
    expect(made.machine.warnings.get('trial')).toMatch(/was not confirmed in time/);
    expect((await made.admin.history()).versions.map(({ why }) => why)).toEqual(['undone: not confirmed in time', 'apply on trial', 'as it was']);
  });

  it('is kept when it is confirmed', async () => {
    const made = await bench();
    await made.applier.apply({ text: 'hostname: b\n', trySeconds: 60 }, quiet);
    expect(await made.applier.confirm()).toEqual({ notes: ['the configuration is kept'] });
    await made.pass(120_000);
    expect(made.read()).toBe('hostname: b\n');
    expect(made.machine.warnings.has('trial')).toBe(false);
    await expect(made.applier.confirm()).rejects.toMatchObject({ code: 'ERR_ROS_NO_TRIAL' });
  });

  it('goes back to what was in force, not to what was set and never applied', async () => {
    const made = await bench();
    await made.admin.set('hostname', 'b');
    await made.applier.apply({ trySeconds: 60 }, quiet);
    await made.pass(61_000);
    expect(made.read()).toBe('hostname: a\n');
    expect(made.appliedNames).toEqual(['b', 'a']);
  });

  it('lets nothing else change the configuration, and ends when it is undone', async () => {
    const made = await bench();
    await made.applier.apply({ text: 'hostname: b\n', trySeconds: 60 }, quiet);
    await expect(made.admin.set('hostname', 'c')).rejects.toThrow(/on trial/);
    await expect(made.applier.apply({}, quiet)).rejects.toThrow(/on trial/);
    expect(await made.applier.endTrial('undone')).toBe(true);
    expect(made.read()).toBe('hostname: a\n');
    expect(await made.applier.endTrial('undone')).toBe(false);
    await made.pass(120_000);
    expect(made.appliedNames).toEqual(['b', 'a']);
  });

  it('of which the applying failed is undone as well, and that is tried again until it succeeds', async () => {
    const made = await bench();
    made.failApply = new Error('no such device');
    await expect(made.applier.apply({ text: 'hostname: b\n', trySeconds: 60 }, quiet)).rejects.toThrow('no such device');
    await made.pass(301_000);
    expect(made.read()).toBe('hostname: a\n');
    made.failApply = undefined;
    await made.pass(11_000);
    expect(made.appliedNames).toEqual(['a']);
  });

  it('goes on with a supervisor that was restarted', async () => {
    const made = await bench();
    await made.applier.apply({ text: 'hostname: b\n', trySeconds: 60 }, quiet);
    await endTrialAtBoot(made.conf, () => { throw new Error('not its business'); }, async () => 'this-boot');
    const later = made.restarted();
    await later.start();
    await made.pass(61_000);
    expect(made.read()).toBe('hostname: a\n');
  });

  it('ends with the boot in which it began', async () => {
    const made = await bench();
    await made.applier.apply({ text: 'hostname: b\n', trySeconds: 60 }, quiet);
    const said: string[] = [];
    await endTrialAtBoot(made.conf, (sentence) => { said.push(sentence); }, async () => 'next-boot');
    expect(made.read()).toBe('hostname: a\n');
    expect(isOnTrial(made)).toBe(false);
    expect(said).toEqual([expect.stringContaining('was not confirmed before the reboot')]);
    await endTrialAtBoot(made.conf, (sentence) => { said.push(sentence); }, async () => 'next-boot');
    expect(said).toHaveLength(1);
  });

  it('whose file is rubbish is none, and keeps nobody from changing the configuration', async () => {
    const made = await bench();
    writeFileSync(join(made.conf, '.trial.json'), '{"before": 3');
    await endTrialAtBoot(made.conf, () => { throw new Error('there was none'); }, async () => 'next-boot');
    expect(await made.admin.set('hostname', 'c')).toMatchObject({ written: true });
  });
});
