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

async function load(): Promise<void> {
  const round = 'cat /sys/bus/pci/devices/*/modalias /sys/bus/virtio/devices/*/modalias /sys/bus/scsi/devices/*/modalias /sys/bus/usb/devices/*/modalias 2>/dev/null | sort -u | xargs -r modprobe -abq';
  await tryRun('/bin/sh', ['-c', `${round}; ${round}; true`], { timeoutMs: 60_000 });
}
