/** The kernel parameters of an installed system. Pure. */
import { stateLabel } from './layout.ts';
import type { Release } from './release.ts';

export interface StatePlace {
  /** `LABEL=…`, `UUID=…`; the label unless given. */
  readonly stateDevice?: string;
  readonly stateDirectory?: string;
}

const own: readonly string[] = ['printk.devkmsg=on', 'panic=10', 'console=tty0', 'console=ttyS0,115200', 'module.sig_enforce=1'];
/** What a boot medium sets for itself alone. */
const ofMedium = /^(?:rancher\.(?:autologin|state)\b|corral\.)/;

export function installedParameters({ kernelParameters }: Pick<Release, 'kernelParameters'>, { stateDevice = `LABEL=${stateLabel}`, stateDirectory }: StatePlace = {}): readonly string[] {
  return [
    ...own, `rancher.state.dev=${stateDevice}`, 'rancher.state.wait', ...(stateDirectory === undefined ? [] : [`rancher.state.directory=${stateDirectory}`]),
    ...kernelParameters.filter((parameter) => !own.includes(parameter) && !ofMedium.test(parameter)),
  ];
}
