/** What GRUB reads, on the ISO and on an installed disk. Pure. */
import { RosError } from '../lib/errors.ts';
import { bootLabel } from './layout.ts';

export interface BootImage {
  /** As the menu shows it: `CorralOS v0.1.0`. */
  readonly name: string;
  /** Where its vmlinuz and initramfs.img are: `/corral/a`, on the ISO `/corral`. */
  readonly folder: string;
  readonly rootHash: string;
  readonly kernelParameters: readonly string[];
  /** What the kernel unpacks besides, in the same folder. */
  readonly initrds?: readonly string[];
}

export interface GrubOptions {
  readonly medium: 'iso' | 'disk';
  /** The first is what starts by itself; the others are the ones from before. */
  readonly images: readonly BootImage[];
  readonly timeoutS?: number;
}

interface Variant { readonly id: string; readonly title: string; readonly parameters: readonly string[]; readonly without?: readonly string[] }

const variants: readonly Variant[] = [
  { id: 'normal', title: '', parameters: [] },
  { id: 'autologin', title: 'log in by itself', parameters: ['rancher.autologin=tty1', 'rancher.autologin=ttyS0'] },
  { id: 'debug', title: 'debug', parameters: ['rancher.debug=true', 'loglevel=7'], without: ['quiet'] },
  { id: 'recovery', title: 'recovery', parameters: ['rancher.recovery=true'] },
];
const ofIso: readonly Variant[] = [
  { id: 'toram', title: 'from RAM, the medium can be removed', parameters: ['corral.toram'] },
  // What is installed on one can be written over only when nothing uses it.
  { id: 'nodisk', title: 'disks left alone', parameters: ['rancher.state.dev=none'] },
];

/** The disk that it is to be installed on may hold the same image, and would be in use. */
const fromMedium = 'corral.root=medium';

export const isoLabel = 'RancherOS';
/** The administrator's own kernel parameters, which no upgrade touches. */
export const globalConfigPath = '/corral/global.cfg';
const environmentPath = '/corral/grubenv';

/** Everything is named from `$root`, which is the file system that this text was read from. */
export function grubConfig({ medium, images, timeoutS = 3 }: GrubOptions): string {
  const [current, ...previous] = images;
  if (current === undefined) throw new RosError('ERR_ROS_INTERNAL', 'cannot write boot menu: there is no image to start');
  const offered = medium === 'iso' ? [...variants, ...ofIso].map((variant) => ({ ...variant, parameters: [fromMedium, ...variant.parameters] })) : variants;
  return [
    '# Written by CorralOS and again by each upgrade.' + (medium === 'disk' ? ` Kernel parameters of your own belong into ${globalConfigPath}.` : ''),
    `if [ ! -e ${current.folder}/vmlinuz ]; then search --no-floppy --set=root --label ${medium === 'iso' ? isoLabel : bootLabel}; fi`,
    'if serial --unit=0 --speed=115200; then',
    '  terminal_input console serial',
    '  terminal_output console serial',
    'fi',
    'set append=""',
    'set default=0',
    ...(medium === 'disk' ? [
      `if [ -e ${globalConfigPath} ]; then source ${globalConfigPath}; fi`,
      `if [ -s ${environmentPath} ]; then load_env --file ${environmentPath} saved_entry; fi`,
      'if [ -n "${saved_entry}" ]; then set default="${saved_entry}"; fi',
    ] : []),
    `set timeout=${timeoutS}`,
    ...offered.flatMap((variant) => menuEntry(current, variant, variant.id, variant.title)),
    ...previous.flatMap((image, index) => menuEntry(image, { id: '', title: '', parameters: [] }, `previous${index === 0 ? '' : index + 1}`, 'previous')),
    '',
  ].join('\n');
}

function menuEntry(image: BootImage, { parameters, without = [] }: Variant, id: string, title: string): string[] {
  const all = [...image.kernelParameters.filter((parameter) => !without.includes(parameter)), `corral.roothash=${image.rootHash}`, ...parameters];
  return [
    `menuentry '${plain(image.name)}${title === '' ? '' : ` (${title})`}' --id ${id} {`,
    `  linux ${image.folder}/vmlinuz ${all.map(word).join(' ')} $append`,
    `  initrd ${['initramfs.img', ...image.initrds ?? []].map((name) => `${image.folder}/${name}`).join(' ')}`,
    '}',
  ];
}

/** In single quotes GRUB reads everything as it is, up to the next one. */
function plain(text: string): string { return text.replaceAll(/['\x00-\x1f\x7f]/g, ' '); }

function word(parameter: string): string {
  checkParameter(parameter);
  return /^[\w.,:/=@%+-]+$/.test(parameter) ? parameter : `'${parameter}'`;
}

/** The file with the parameters of `--append`, for the administrator to change. */
export function globalConfig(append: readonly string[]): string {
  append.forEach(checkParameter);
  return [
    '# Kernel parameters of your own, read by the boot menu. No upgrade changes this file.',
    `set append="${append.join(' ').replaceAll(/[\\$"]/g, '\\$&')}"`,
    '',
  ].join('\n');
}

/** Words for the kernel from a command line's text. */
export function splitAppend(text: string): readonly string[] {
  return text.split(/\s+/).filter((parameter) => parameter !== '');
}

/** GRUB hands quotes and backslashes to the kernel with backslashes before them, which the kernel does not know. */
export function checkParameter(parameter: string): void {
  if (/^[\x21-\x7e]+$/.test(parameter) && !/['"\\]/.test(parameter)) return;
  throw new RosError('ERR_ROS_BAD_REQUEST', `cannot take kernel parameter "${parameter.replaceAll(/[^\x20-\x7e]/g, '?')}": it has blanks, quotes, backslashes or what is not ASCII in it`, { hint: 'what the boot loader cannot pass on goes into the cloud-config' });
}

/** The file that GRUB keeps variables in, with none: it changes it in place and cannot make it. */
export const emptyGrubEnvironment = '# GRUB Environment Block\n'.padEnd(1024, '#');

/** Debian's signed GRUB looks for this one file, at this place, and for nothing else. */
export const grubStub = { path: '/EFI/debian/grub.cfg', text: 'configfile /corral/grub.cfg\n' } as const;
