import { describe, expect, it } from 'vitest';
import { asWord, flagsOf, readOptionsFile, shellWords } from '../../../src/config/engine-words.ts';

const words = (...list: string[]): string[] => flagsOf(list, 'here').flags.map(asWord);

describe('flags as people write them', () => {
  it.each([
    [['--bip=172.20.0.1/16'], ['--bip=172.20.0.1/16']],
    [['--bip', '172.20.0.1/16', '--debug'], ['--bip=172.20.0.1/16', '--debug']],
    [['--label role=web'], ['--label=role=web']],
    [['-H', 'tcp://0.0.0.0:2375'], ['--host=tcp://0.0.0.0:2375']],
    [['-Htcp://0.0.0.0:2375', '-H=unix:///x'], ['--host=tcp://0.0.0.0:2375', '--host=unix:///x']],
    [['-D'], ['--debug']],
    [['-DH', 'tcp://1.2.3.4:1'], ['--debug', '--host=tcp://1.2.3.4:1']],
    [['--iptables=false', '--ipv6'], ['--iptables=false', '--ipv6']],
    [['-g', '/data'], ['--data-root=/data']],
    [['--graph=/data'], ['--data-root=/data']],
    [['--log-opt', 'env=a,b'], ['--log-opt=env=a,b']],
  ])('reads %j', (list, flags) => { expect(words(...list)).toEqual(flags); });

  it('leaves over what belongs to no flag, also after a flag that takes no value', () => {
    expect(flagsOf(['--debug', 'true', '--', 'x', '---y'], 'here').strays).toEqual(['true', '--', 'x', '---y']);
  });

  it('says where a flag was written', () => {
    expect(flagsOf(['--graph=/data'], 'rancher.docker.extra_args').flags[0]?.said).toBe('rancher.docker.extra_args: --graph');
  });
});

describe('the options file of RancherOS', () => {
  it('gives the words of DOCKER_OPTS and what is exported', () => {
    const file = readOptionsFile([
      '# ours', '', 'POOL="base=10.10.0.0/16,size=24"', 'DOCKER_OPTS="--debug --default-address-pool $POOL"', 'DOCKER_OPTS="${DOCKER_OPTS} --label \'a b=c\'" # more', 'export HTTP_PROXY=http://proxy:3128',
    ].join('\n'));
    expect(file.words).toEqual(['--debug', '--default-address-pool', 'base=10.10.0.0/16,size=24', '--label', 'a b=c']);
    expect(file.environment).toEqual(['HTTP_PROXY=http://proxy:3128']);
    expect(file.notRead).toEqual([]);
  });

  it('runs nothing: what only a shell could tell is told by its line', () => {
    expect(readOptionsFile('DOCKER_OPTS=--debug\nDOCKER_OPTS="$(reboot)"\nif true; then\n  X=`id`\nfi\nY="a').notRead).toEqual([2, 3, 4, 5, 6]);
    expect(readOptionsFile('DOCKER_OPTS=--debug\nDOCKER_OPTS="$(reboot)"').words).toEqual(['--debug']);
  });

  it('splits words with quotes inside of them', () => {
    expect(shellWords('--label="a b" -D  \'x\'y')).toEqual(['--label=a b', '-D', 'xy']);
  });
});
