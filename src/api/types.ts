/** The control API's values as types: what the CLI and the tests know of the supervisor. schemas.ts says what each field is. */
import type * as z from 'zod/mini';
import type * as schemas from './schemas.ts';

export const controlSocketPath = '/run/ros/control.sock';

type Of<S extends z.core.$ZodType> = z.output<S>;

export type ServiceState = Of<typeof schemas.serviceState>;
export type ServiceStatus = Of<typeof schemas.serviceStatus>;
export type ScheduleStatus = Of<typeof schemas.scheduleStatus>;
export type Catalog = Of<typeof schemas.catalog>;
export type AvailableService = Of<typeof schemas.availableService>;
export type RepositoryStatus = Of<typeof schemas.repositoryStatus>;
export type ServiceDetails = Of<typeof schemas.serviceDetails>;
export type ServiceExit = Of<typeof schemas.serviceExit>;
export type ServiceStory = Of<typeof schemas.serviceStory>;
export type ServiceGraph = Of<typeof schemas.serviceGraph>;
export type ServiceEvent = Of<typeof schemas.serviceEvent>;
export type EventGap = Of<typeof schemas.eventGap>;
export type Validation = Of<typeof schemas.validation>;
export type OperationEvent = Of<typeof schemas.operationEvent>;
export type LogLine = Of<typeof schemas.logLine>;
export type LogRecord = Of<typeof schemas.logRecord>;
export type TimelineEntry = Of<typeof schemas.timelineEntry>;
export type BootReport = Of<typeof schemas.bootReport>;
export type MachineStatus = Of<typeof schemas.machineStatus>;
export type PowerAction = Of<typeof schemas.powerAction>;
export type TlsCertificate = Of<typeof schemas.tlsCertificate>;
export type TlsStatus = Of<typeof schemas.tlsStatus>;
export type TlsPair = Of<typeof schemas.tlsPair>;
export type AuditResult = Of<typeof schemas.auditResult>;
export type AuditCheck = Of<typeof schemas.auditCheck>;
export type AuditReport = Of<typeof schemas.auditReport>;
export type ApiError = Of<typeof schemas.apiError>;

export type ConfigProblem = Of<typeof schemas.configProblem>;
export type ConfigView = Of<typeof schemas.configView>;
export type ConfigValue = Of<typeof schemas.configValue>;
export type ConfigChange = Of<typeof schemas.configChange>;
export type ConfigJudgement = Of<typeof schemas.configJudgement>;
export type ConfigFile = Of<typeof schemas.configFileAnswer>;
export type ConfigProposal = Of<typeof schemas.configProposal>;
export type ConfigPlan = Of<typeof schemas.configPlan>;
export type ConfigExport = Of<typeof schemas.configExport>;
export type ConfigApplied = Of<typeof schemas.configApplied>;
export type ConfigEvent = Of<typeof schemas.configEvent>;
export type ConfigHistory = Of<typeof schemas.configHistory>;
export type ConfigDiff = Of<typeof schemas.configDiff>;
export type ConfigStatus = Of<typeof schemas.configStatus>;

export type InstallRequest = Of<typeof schemas.installRequest>;
export type InstallPlan = Of<typeof schemas.installPlan>;
export type InstallResult = Of<typeof schemas.installResult>;
export type InstallEvent = Of<typeof schemas.installEvent>;
export type BootParameters = Of<typeof schemas.bootParameters>;
export type BootParametersChange = Of<typeof schemas.bootParametersChange>;
