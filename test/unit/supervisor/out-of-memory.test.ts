import { describe, expect, it } from 'vitest';
import { containerOf, describeVictim, victimsIn } from '../../../src/supervisor/out-of-memory.ts';
import { parseRecord } from '../../../src/sys/kernel-log.ts';

const id = 'c0ffee'.repeat(10) + 'abcd';
const record = (text: string) => ({ atMs: 1, text });
const groups = `oom_memcg=/user/plane/docker,task_memcg=/user/plane/docker/${id}`;

describe('the kernel\'s log', () => {
  it('is read record by record', () => {
    expect(parseRecord('6,339,5140900,-;NET: Registered PF_INET6\n SUBSYSTEM=x\n')).toEqual({ atMs: 5140.9, text: 'NET: Registered PF_INET6' });
    expect(parseRecord('14,1,2,c,caller=T1;a;b\n')).toEqual({ atMs: 0.002, text: 'a;b' });
    expect(parseRecord('nonsense')).toBeUndefined();
  });
});

describe('who was killed for want of memory', () => {
  it('is told with what it had and whose limit it was', () => {
    const victims = victimsIn([
      record('stress invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0'),
      record(`oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=${id},mems_allowed=0,${groups},task=a,pid=3,b,pid=812,uid=100000`),
      record('Memory cgroup out of memory: Killed process 812 (a,pid=3,b) total-vm:660000kB, anon-rss:655360kB, file-rss:4kB, shmem-rss:0kB, UID:100000 pgtables:1kB oom_score_adj:0'),
    ]);
    expect(victims).toEqual([{ name: 'a,pid=3,b', pid: 812, group: `/user/plane/docker/${id}`, limit: '/user/plane/docker', mib: 640 }]);
    expect(victims.map((victim) => describeVictim(victim, 'hog'))).toEqual(['user-docker: out of memory: killed "a,pid=3,b" (pid 812, 640 MiB) of container hog: what user containers may have of the memory was used up']);
  });

  it('may have been over its own limit, or be the system\'s', () => {
    const own = victimsIn([record(`oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/user/plane/docker/${id},task_memcg=/user/plane/docker/${id},task=x\u001b[1m,pid=7,uid=100000`)]);
    expect(own.map((victim) => describeVictim(victim))).toEqual(['user-docker: out of memory: killed "x?[1m" (pid 7) of container c0ffeec0ffee: the limit of its container was reached']);
    const machine = victimsIn([record('oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/system/engine,task=dockerd,pid=9,uid=0')]);
    expect(machine.map((victim) => describeVictim(victim))).toEqual(['system: out of memory: killed "dockerd" (pid 9): the memory of the machine was used up']);
  });

  it('is nobody when other things are told', () => {
    expect(victimsIn([record('Killed process 1 (x) total-vm:1kB, anon-rss:1kB'), record('user-docker: out of memory: killed "x" (pid 1)')])).toEqual([]);
    expect(containerOf('/user/plane/docker')).toBeUndefined();
    expect(containerOf(`/user/plane/docker/${id}/inner`)).toBe(id);
  });
});
