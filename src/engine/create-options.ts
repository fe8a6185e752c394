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
    ...(spec.domainname !== undefined && spec.utsMode !== 'host' && { Domainname: spec.domainname }),
    ...(spec.macAddress !== undefined && { MacAddress: spec.macAddress }),
    ...(spec.ports.length > 0 && { ExposedPorts: Object.fromEntries(spec.ports.flatMap(portBindings).map(({ port }) => [port, {}])) }),
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
      ...(spec.ports.length > 0 && { PortBindings: bindingsByPort(spec.ports) }),
      ...(spec.links.length > 0 && { Links: [...spec.links] }),
      ...(spec.volumeDriver !== undefined && { VolumeDriver: spec.volumeDriver }),
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
      ...(spec.memorySwapBytes !== undefined && { MemorySwap: spec.memorySwapBytes }),
      ...(spec.cpus !== undefined && { NanoCpus: Math.round(spec.cpus * nanosPerUnit) }),
      ...(spec.cpuset !== undefined && { CpusetCpus: spec.cpuset }),
      ...(spec.cpuShares !== undefined && { CpuShares: spec.cpuShares }),
      ...(spec.pidsLimit !== undefined && { PidsLimit: spec.pidsLimit }),
      ...(spec.oomScoreAdj !== undefined && { OomScoreAdj: spec.oomScoreAdj }),
      Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      Sysctls: { ...spec.sysctls },
      // Engines know these since API 1.43 (Docker 24); the types of dockerode do not.
      ...{ Annotations: { ...spec.annotations } },
      // The supervisor alone decides about restarts; two deciders would race.
      RestartPolicy: { Name: 'no' },
      LogConfig: logConfig,
    },
  };
}

export interface PortBinding { readonly port: string; readonly address: string; readonly hostPort: string }

/**
 * One entry of `ports` as bindings, a range as many: `80` (any free port of the machine), `8080:80`, `127.0.0.1:8080:80/udp`,
 * `8000-8002:80-82`, `[::1]:80:80`. Throws when it is none of these.
 */
export function portBindings(entry: string): PortBinding[] {
  const parts = /^(?:(?:\[([0-9a-f:.]+)\]|(\d+\.\d+\.\d+\.\d+)):)?(?:(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(tcp|udp|sctp))?$/i.exec(entry);
  if (parts === null) throw new Error(`"${entry}" is no port: 80, 8080:80, 127.0.0.1:8080:80/udp or a range such as 8000-8010:80-90`);
  const [, v6, v4, host, container = '', protocol = 'tcp'] = parts;
  const inside = range(container);
  const outside = host === undefined ? inside.map(() => '') : range(host).map(String);
  if (outside.length !== inside.length) throw new Error(`"${entry}" is no port: its two ranges differ in length`);
  return inside.map((port, index) => ({ port: `${port}/${protocol.toLowerCase()}`, address: v6 ?? v4 ?? '', hostPort: outside[index] ?? '' }));
}

function range(text: string): number[] {
  const [first = 0, last = first] = text.split('-').map(Number);
  if (first < 1 || last > 65_535 || last < first) throw new Error(`"${text}" is no port or range of ports`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function bindingsByPort(ports: readonly string[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const result: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { port, address, hostPort } of ports.flatMap(portBindings)) (result[port] ??= []).push({ HostIp: address, HostPort: hostPort });
  return result;
}

function parseDevice(device: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const [host = '', container = host, permissions = 'rwm'] = device.split(':');
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions };
}
