import { expect, test } from 'vitest';
import { dhcpcdOptions } from '../../../src/config/dhcpcd-options.ts';

test.each([
  ['', []],
  ['dhcpcd -MA4', ['noarp', 'ipv4only']], // what RancherOS does when it is told nothing
  ['/sbin/dhcpcd -m200 -h "my host" --leasetime 600', ['metric 200', 'hostname my host', 'leasetime 600']],
  ['--option=ntp_servers -o rapid_commit --nooption \'domain_name\'', ['option ntp_servers', 'option rapid_commit', 'nooption domain_name']],
  ['--waitip -t 10 --persistent -e force_hostname=true -d', []],
  ['-4G -I ""', ['ipv4only', 'nogateway', 'clientid ']],
])('%j is for dhcpcd.conf %j', (text, lines) => {
  expect(dhcpcdOptions(text)).toEqual({ lines, refused: [] });
});

test.each([
  ['-c /bin/evil', '--c'],
  ['--script=/bin/evil', '--script'],
  ['--config /etc/shadow', '--config'],
  ['--allowinterfaces *', '--allowinterfaces'],
  ['--constructor x', '--constructor'],
  ['--metric "1\nscript /bin/evil"', '--metric'],
  ['--hostname x#y', '--hostname'],
  ['-z', '--z'],
  ['eth0', 'a word that is no option'],
])('%j is not taken', (text, name) => {
  const { lines, refused } = dhcpcdOptions(text);
  expect(lines).toEqual([]);
  expect(refused[0]).toBe(name);
});
