/** Every command of `ros`, in the order of the help. A new one is a file in `commands/` and a line here. */
import type { Command } from './command.ts';
import { boot } from './commands/boot.ts';
import { halt } from './commands/halt.ts';
import { logs } from './commands/logs.ts';
import { osVersion } from './commands/os-version.ts';
import { poweroff } from './commands/poweroff.ts';
import { reboot } from './commands/reboot.ts';
import { serviceList } from './commands/service-list.ts';
import { serviceLogs } from './commands/service-logs.ts';
import { servicePs } from './commands/service-ps.ts';
import { serviceRestart } from './commands/service-restart.ts';
import { serviceStart } from './commands/service-start.ts';
import { serviceStop } from './commands/service-stop.ts';
import { shutdown } from './commands/shutdown.ts';
import { status } from './commands/status.ts';
import { version } from './commands/version.ts';
import { waitForDocker } from './commands/wait-for-docker.ts';

export const commands: readonly Command[] = [
  serviceList, servicePs, serviceLogs, serviceStart, serviceStop, serviceRestart,
  status, boot, logs, version, osVersion, waitForDocker,
  reboot, poweroff, halt, shutdown,
];
