import type { ContainerCreateOptions } from 'dockerode';
import type { ContainerSpec } from './engine.ts';

const nanosPerMs = 1_000_000;
const nanosPerUnit = 1_000_000_000;
/** Logs of system containers are bounded: what must be kept goes to syslog. */
const logConfig = { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } };

/** A spec as the body of the engine API's `POST /containers/create`. Pure. */
export function createOptions(spec: ContainerSpec): ContainerCreateOptions & { readonly name: string } {
  const { healthcheck } = spec;
  return {
    name: spec.name,
    Image: spec.image,
    Labels: { ...spec.labels },
    Env: Object.entries(spec.environment).map(([key, value]) => `${key}=${value}`),
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command && { Cmd: [...spec.command] }),
    ...(spec.user !== undefined && { User: spec.user }),
    ...(spec.workingDir !== undefined && { WorkingDir: spec.workingDir }),
    // With the host's UTS namespace the engine refuses a hostname of the container's own.
    ...(spec.hostname !== undefined && spec.utsMode !== 'host' && { Hostname: spec.hostname }),
    Tty: spec.tty,
    OpenStdin: spec.stdinOpen,
    ...(spec.stopSignal !== undefined && { StopSignal: spec.stopSignal }),
    ...(healthcheck && {
      Healthcheck: {
        Test: [...healthcheck.test],
        ...(healthcheck.intervalMs !== undefined && { Interval: healthcheck.intervalMs * nanosPerMs }),
        ...(healthcheck.timeoutMs !== undefined && { Timeout: healthcheck.timeoutMs * nanosPerMs }),
        ...(healthcheck.startPeriodMs !== undefined && { StartPeriod: healthcheck.startPeriodMs * nanosPerMs }),
        ...(healthcheck.startIntervalMs !== undefined && { StartInterval: healthcheck.startIntervalMs * nanosPerMs }),
        ...(healthcheck.retries !== undefined && { Retries: healthcheck.retries }),
      },
    }),
    HostConfig: {
      Binds: [...spec.volumes],
      VolumesFrom: [...spec.volumesFrom],
      Tmpfs: { ...spec.tmpfs },
      Devices: spec.devices.map(parseDevice),
      Privileged: spec.privileged,
      ReadonlyRootfs: spec.readOnly,
      CapAdd: [...spec.capAdd],
      CapDrop: [...spec.capDrop],
      SecurityOpt: [...spec.securityOpt],
      NetworkMode: spec.networkMode,
      ExtraHosts: [...spec.extraHosts],
      Dns: [...spec.dns],
      DnsSearch: [...spec.dnsSearch],
      PidMode: spec.pidMode ?? '',
      IpcMode: spec.ipcMode ?? '',
      UTSMode: spec.utsMode ?? '',
      ...(spec.cgroupMode !== undefined && { CgroupnsMode: spec.cgroupMode as 'host' | 'private' }),
      CgroupParent: spec.cgroupParent,
      Init: spec.init,
      Memory: spec.memoryBytes ?? 0,
      ...(spec.memoryReservationBytes !== undefined && { MemoryReservation: spec.memoryReservationBytes }),
      ...(spec.cpus !== undefined && { NanoCpus: Math.round(spec.cpus * nanosPerUnit) }),
      ...(spec.cpuset !== undefined && { CpusetCpus: spec.cpuset }),
      ...(spec.cpuShares !== undefined && { CpuShares: spec.cpuShares }),
      ...(spec.pidsLimit !== undefined && { PidsLimit: spec.pidsLimit }),
      ...(spec.oomScoreAdj !== undefined && { OomScoreAdj: spec.oomScoreAdj }),
      Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      Sysctls: { ...spec.sysctls },
      // The supervisor alone decides about restarts; two deciders would race.
      RestartPolicy: { Name: 'no' },
      LogConfig: logConfig,
    },
  };
}

function parseDevice(device: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const [host = '', container = host, permissions = 'rwm'] = device.split(':');
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions };
}
