/** What the supervisor uses of the configuration. */
export { probeDatasources, type Probe } from './datasources/index.ts';
export type { Volumes } from './datasources/datasource.ts';
export { confDirectory, loadConfig, type Layer, type LoadedConfig } from './load.ts';
export { describeProblem, type Problem } from './problem.ts';
export type { CloudConfig } from './schema.ts';
export { settingsOf, type Settings } from './settings.ts';
export { saveFound, type Found, type Saved } from './user-data.ts';
