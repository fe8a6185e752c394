/** Drivers for what hardware there is, before udev runs. */
import { tryRun } from './exec.ts';

let loading: Promise<void> | undefined;

/**
 * Loads the modules that the devices on the usual buses name, and what their loading brings to light, in two rounds. Once a
 * run: what is plugged in later is udev's.
 */
export function loadDrivers(): Promise<void> {
  loading ??= load();
  return loading;
}

/** Keyboards and power buttons, too: what is pressed before its driver is there has not been pressed. */
const devices = ['pci/devices/*', 'virtio/devices/*', 'scsi/devices/*', 'usb/devices/*', 'hid/devices/*', 'acpi/devices/LNXPWRBN:*', 'acpi/devices/PNP0C0C:*'];

/** By its path: busybox's shell and xargs would take their own modprobe, which reads all aliases as text. */
const round = `cat ${devices.map((device) => `/sys/bus/${device}/modalias`).join(' ')} 2>/dev/null | sort -u | xargs -r /usr/sbin/modprobe -abq`;

/** Once more, for a device that is still awaited. */
export async function loadLateDrivers(): Promise<void> {
  await loadDrivers();
  await tryRun('/bin/sh', ['-c', `${round}; true`], { timeoutMs: 60_000 });
}

async function load(): Promise<void> {
  await tryRun('/bin/sh', ['-c', `${round}; ${round}; true`], { timeoutMs: 60_000 });
}
