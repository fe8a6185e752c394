import { setTimeout as sleep } from 'node:timers/promises';
import { RosError } from '../../lib/errors.ts';
import { defineCommand } from '../command.ts';

export const waitForDocker = defineCommand({
  name: 'wait-for-docker',
  group: 'Machine',
  summary: 'Wait until Docker answers',
  description: 'Waits until User Docker answers on its socket: for scripts that run at boot.',
  options: { timeout: { type: 'number', alias: ['t'], value: 'N', describe: 'seconds to wait at most (300)' } },
  async run({ options }, { io, print }) {
    const timeoutS = options.timeout ?? 300;
    const { request } = await import('node:http');
    const ping = (): Promise<boolean> => new Promise((resolve) => {
      const asking = request({ socketPath: io.dockerSocketPath, path: '/_ping', headers: { host: 'docker' }, agent: false, timeout: 5000 }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      });
      asking.on('timeout', () => asking.destroy());
      asking.on('error', () => { resolve(false); });
      asking.end();
    });
    const giveUpAt = io.now().getTime() + timeoutS * 1000;
    for (let pauseMs = 100; !(await ping()); pauseMs = Math.min(pauseMs * 2, 1000)) {
      if (io.now().getTime() + pauseMs > giveUpAt) {
        throw new RosError('ERR_ROS_TIMEOUT', `cannot reach Docker at "${io.dockerSocketPath}": nothing after ${timeoutS} s`, { hint: 'sudo ros service list' });
      }
      await sleep(pauseMs, undefined, { signal: io.signal });
    }
    return print('Docker is ready\n');
  },
});
