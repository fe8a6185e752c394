/** Every command of `ros`, in the order of the help. A new one is a file in `commands/` and a line here. */
import type { Command } from './command.ts';
import { api } from './commands/api.ts';
import { audit } from './commands/audit.ts';
import { boot } from './commands/boot.ts';
import { configApply } from './commands/config-apply.ts';
import { configConfirm } from './commands/config-confirm.ts';
import { configDiff } from './commands/config-diff.ts';
import { configEdit } from './commands/config-edit.ts';
import { configExport } from './commands/config-export.ts';
import { configGenerate } from './commands/config-generate.ts';
import { configGet } from './commands/config-get.ts';
import { configHistory } from './commands/config-history.ts';
import { configImages } from './commands/config-images.ts';
import { configMerge } from './commands/config-merge.ts';
import { configPlan } from './commands/config-plan.ts';
import { configSchema } from './commands/config-schema.ts';
import { configSet } from './commands/config-set.ts';
import { configShow } from './commands/config-show.ts';
import { configStatus } from './commands/config-status.ts';
import { configSyslinux } from './commands/config-syslinux.ts';
import { configUndo } from './commands/config-undo.ts';
import { configValidate } from './commands/config-validate.ts';
import { dev } from './commands/dev.ts';
import { env } from './commands/env.ts';
import { halt } from './commands/halt.ts';
import { install } from './commands/install.ts';
import { logs } from './commands/logs.ts';
import { osVersion } from './commands/os-version.ts';
import { poweroff } from './commands/poweroff.ts';
import { reboot } from './commands/reboot.ts';
import { serviceBuild } from './commands/service-build.ts';
import { serviceCreate } from './commands/service-create.ts';
import { serviceDelete } from './commands/service-delete.ts';
import { serviceDisable } from './commands/service-disable.ts';
import { serviceDown } from './commands/service-down.ts';
import { serviceEnable } from './commands/service-enable.ts';
import { serviceEvents } from './commands/service-events.ts';
import { serviceGraph } from './commands/service-graph.ts';
import { serviceKill } from './commands/service-kill.ts';
import { serviceList } from './commands/service-list.ts';
import { serviceLogs } from './commands/service-logs.ts';
import { servicePs } from './commands/service-ps.ts';
import { servicePull } from './commands/service-pull.ts';
import { serviceRestart } from './commands/service-restart.ts';
import { serviceRm } from './commands/service-rm.ts';
import { serviceShow } from './commands/service-show.ts';
import { serviceStart } from './commands/service-start.ts';
import { serviceStop } from './commands/service-stop.ts';
import { serviceUp } from './commands/service-up.ts';
import { serviceUpdate } from './commands/service-update.ts';
import { serviceValidate } from './commands/service-validate.ts';
import { serviceWhy } from './commands/service-why.ts';
import { shutdown } from './commands/shutdown.ts';
import { status } from './commands/status.ts';
import { tlsGenerate } from './commands/tls-generate.ts';
import { tlsStatus } from './commands/tls-status.ts';
import { version } from './commands/version.ts';
import { waitForDocker } from './commands/wait-for-docker.ts';

export const commands: readonly Command[] = [
  serviceList, serviceEnable, serviceDisable, serviceDelete,
  serviceUp, serviceDown, serviceCreate, serviceStart, serviceStop, serviceRestart, serviceKill, serviceRm,
  servicePull, serviceBuild, serviceUpdate,
  servicePs, serviceLogs, serviceShow, serviceWhy, serviceGraph, serviceEvents, serviceValidate,
  configGet, configSet, configMerge, configEdit, configUndo,
  configShow, configPlan, configApply, configConfirm, configStatus, configHistory, configDiff,
  configValidate, configExport, configGenerate, configSchema, configImages, configSyslinux,
  status, audit, boot, logs, version, osVersion, waitForDocker, tlsGenerate, tlsStatus, env, dev, api,
  install,
  reboot, poweroff, halt, shutdown,
];
